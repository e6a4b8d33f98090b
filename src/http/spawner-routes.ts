import type { IncomingMessage, ServerResponse } from "node:http";
import { spawnerImagesJson, spawnerImagesPieces, spawnerPrepullsJson } from "../domain/images/spawner-json.ts";
import type { ImageSettings } from "../domain/settings.ts";
import type { ImageList, NodeStatus, PrepullImages } from "../domain/snapshot/answers.ts";
import type { Snapshot } from "../domain/snapshot/snapshot.ts";
import { whyNoSnapshot } from "./health-routes.ts";
import { type EncodedBody, encodeJson, type JsonPieces, sendEncoded, sendPieces, sendText } from "./response.ts";
import type { RequestHandler, RouteState } from "./route.ts";

/** Longer lists are encoded for each caller while it reads: their bodies would be kept as tens of megabytes. */
const MAX_KEPT_IMAGES = 20_000;

/** The original's two routes. Each body is encoded once for a view of a snapshot, and released with it. */
export function createSpawnerRoutes(
  reader: RouteState,
  settings: ImageSettings,
): { readonly images: RequestHandler; readonly prepulls: RequestHandler } {
  let encodings = 0;
  // The epoch keeps the tags of another process, or of one before a restart, apart.
  const nextTag = () => `"${reader.epoch}-${++encodings}"`;
  const images = new WeakMap<ImageList, EncodedBody>();
  const longTags = new WeakMap<ImageList, string>();
  const prepulls = new WeakMap<PrepullImages, { readonly nodes: readonly NodeStatus[]; readonly body: EncodedBody }>();

  function imagesBody(snapshot: Snapshot): EncodedBody | JsonPieces {
    const list = snapshot.images();
    if (list.images.length > MAX_KEPT_IMAGES) return longBody(list);
    const known = images.get(list);
    if (known !== undefined) return known;
    const body = encodeJson(spawnerImagesJson(list), nextTag());
    images.set(list, body);
    return body;
  }

  function longBody(list: ImageList): JsonPieces {
    const etag = longTags.get(list) ?? nextTag();
    longTags.set(list, etag);
    return { etag, pieces: spawnerImagesPieces(list) };
  }

  function prepullsBody(snapshot: Snapshot): EncodedBody {
    const status = snapshot.prepullImages();
    const nodes = snapshot.nodes();
    const known = prepulls.get(status);
    if (known !== undefined && known.nodes === nodes) return known.body;
    const body = encodeJson(spawnerPrepullsJson(settings, status, nodes), nextTag());
    prepulls.set(status, { nodes, body });
    return body;
  }

  return { images: handler(reader, imagesBody), prepulls: handler(reader, prepullsBody) };
}

function handler(reader: RouteState, encode: (snapshot: Snapshot) => EncodedBody | JsonPieces): RequestHandler {
  return async (request: IncomingMessage, response: ServerResponse) => {
    const snapshot = reader.current();
    if (snapshot === null) {
      sendText(request, response, 503, whyNoSnapshot(reader), ["Retry-After", "5"]);
      return;
    }
    const body = encode(snapshot);
    if ("pieces" in body) await sendPieces(request, response, body);
    else sendEncoded(request, response, body);
  };
}
