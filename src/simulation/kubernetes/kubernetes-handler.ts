import type { IncomingMessage, ServerResponse } from "node:http";
import { type AccessTable, authorize, reviewAccess } from "./kubernetes-access.ts";
import { listBody } from "./kubernetes-list.ts";
import { apiVersionOf, isJsonObject, type JsonObject, resourceTypes } from "./kubernetes-objects.ts";
import {
  type Admission,
  type ApiPath,
  createObject,
  deleteObject,
  existing,
  patchObject,
  readPath,
  updateObject,
} from "./kubernetes-requests.ts";
import { ApiFailure, badRequest } from "./kubernetes-status.ts";
import { jsonOf, type KubernetesStore } from "./kubernetes-store.ts";
import type { SimulatedTime } from "./kubernetes-time.ts";
import { serveWatch } from "./kubernetes-watch.ts";

const ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** What one simulated server works on. */
export interface ServerState {
  readonly store: KubernetesStore;
  readonly time: SimulatedTime;
  readonly access: AccessTable;
  readonly bookmarkIntervalMs: number;
  readonly watches: Set<() => void>;
  admission: Admission;
}

/** Handles one request as the API server does; failures become Status bodies. Never throws. */
export function answerRequest(state: ServerState, request: IncomingMessage, response: ServerResponse): void {
  answer(state, request, response).catch((error: unknown) => sendFailure(response, error));
}

async function answer(state: ServerState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://localhost");
  if (/^\/(livez|readyz|healthz)$/.test(url.pathname)) return sendText(response, 200, "ok", "text/plain");
  if (url.pathname === ACCESS_REVIEWS && request.method === "POST") {
    const review = reviewAccess(state.access, request.headers.authorization, await readBody(request));
    return sendJson(response, 201, review);
  }
  const path = readPath(url.pathname);
  if (path === null) return answerOther(url.pathname, response);
  const verb = verbOf(request.method ?? "", path, url.searchParams);
  authorize(state.access, request.headers.authorization, verb, path.address, path.subresource);
  if (verb === "watch") return startWatch(state, path, url.searchParams, response);
  if (verb === "list") return sendText(response, 200, listBody(state.store, path.address, url.searchParams));
  const body = verb === "get" ? undefined : await readBody(request);
  const { store, admission } = state;
  const creation = { admission, dryRun: url.searchParams.get("dryRun") };
  switch (verb) {
    case "get":
      return sendText(response, 200, jsonOf(existing(store, path.address)));
    case "create":
      return sendJson(response, 201, createObject(store, path.address, body, creation));
    case "update":
      return sendJson(response, 200, updateObject(store, path, body));
    case "patch":
      return sendJson(response, 200, patchObject(store, path, request.headers["content-type"] ?? "", body));
    default:
      return sendJson(
        response,
        200,
        deleteObject(store, path.address, isJsonObject(body) ? body : {}, state.time.wallTime),
      );
  }
}

function verbOf(method: string, { address }: ApiPath, query: URLSearchParams): string {
  const named = address.name !== "";
  const watching = query.get("watch") === "true" || query.get("watch") === "1";
  if (method === "GET") return watching ? "watch" : named ? "get" : "list";
  if (method === "POST" && !named) return "create";
  const verbs: Readonly<Record<string, string>> = { PUT: "update", PATCH: "patch", DELETE: "delete" };
  const verb = named ? verbs[method] : undefined;
  if (verb === undefined) {
    throw new ApiFailure(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
  }
  return verb;
}

function startWatch(state: ServerState, path: ApiPath, query: URLSearchParams, response: ServerResponse): void {
  const end = serveWatch(state.store, path.address, query, response, state);
  state.watches.add(end);
  response.once("close", () => state.watches.delete(end));
}

/** Version and discovery of resources, and 404 in the real server's words for everything else. */
function answerOther(pathname: string, response: ServerResponse): void {
  if (pathname === "/version") {
    sendJson(response, 200, { major: "1", minor: "36", gitVersion: "v1.36.0-simulated" });
    return;
  }
  const served = resourceTypes.filter(
    (type) => pathname === `${type.group === "" ? "/api/" : "/apis/"}${apiVersionOf(type)}`,
  );
  const [first] = served;
  if (first === undefined) throw new ApiFailure(404, "NotFound", "the server could not find the requested resource");
  const resources = served.map(({ plural: name, namespaced, kind }) => ({
    name,
    singularName: "",
    namespaced,
    kind,
    verbs: [],
  }));
  sendJson(response, 200, { kind: "APIResourceList", apiVersion: "v1", groupVersion: apiVersionOf(first), resources });
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES)
      throw new ApiFailure(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728");
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw badRequest("the object provided is unrecognized (must be of type JSON)");
  }
}

function sendJson(response: ServerResponse, status: number, body: JsonObject): void {
  sendText(response, status, JSON.stringify(body));
}

function sendText(response: ServerResponse, status: number, text: string, type = "application/json"): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text) });
  response.end(text);
}

function sendFailure(response: ServerResponse, error: unknown): void {
  const failure =
    error instanceof ApiFailure ? error : new ApiFailure(500, "InternalError", "the simulation has failed");
  if (response.headersSent) response.destroy();
  else sendJson(response, failure.code, failure.toStatus());
}
