import type { IncomingMessage, ServerResponse } from "node:http";
import { spawnerImagesJson, spawnerPrepullsJson } from "../domain/images/spawner-json.ts";
import type { ImageSettings } from "../domain/settings.ts";
import type { ImageList, NodeStatus, PrepullImages } from "../domain/snapshot/answers.ts";
import type { Snapshot } from "../domain/snapshot/snapshot.ts";
import { type EncodedBody, encodeJson, sendEncoded, sendText } from "./answer.ts";
import { whyNoSnapshot } from "./health-routes.ts";
import type { RequestHandler, RouteState } from "./route.ts";

/** The original's two routes. Each body is encoded once for an answer, and goes when the answer goes. */
export function createSpawnerRoutes(
  reader: RouteState,
  settings: ImageSettings,
): { readonly images: RequestHandler; readonly prepulls: RequestHandler } {
  let encodings = 0;
  // The epoch keeps the tags of another process, or of one before a restart, apart.
  const nextTag = () => `"${reader.epoch}-${++encodings}"`;
  const images = new WeakMap<ImageList, EncodedBody>();
  const prepulls = new WeakMap<PrepullImages, { readonly nodes: readonly NodeStatus[]; readonly body: EncodedBody }>();

  function imagesBody(snapshot: Snapshot): EncodedBody {
    const list = snapshot.images();
    const known = images.get(list);
    if (known !== undefined) return known;
    const body = encodeJson(spawnerImagesJson(list), nextTag());
    images.set(list, body);
    return body;
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

function handler(reader: RouteState, encode: (snapshot: Snapshot) => EncodedBody): RequestHandler {
  return (request: IncomingMessage, response: ServerResponse) => {
    const snapshot = reader.current();
    if (snapshot === null) sendText(request, response, 503, whyNoSnapshot(reader), ["Retry-After", "5"]);
    else sendEncoded(request, response, encode(snapshot));
  };
}
