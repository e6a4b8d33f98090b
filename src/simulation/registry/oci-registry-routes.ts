import type { IncomingMessage, ServerResponse } from "node:http";
import { type RegistryGuard, sendRegistryError } from "./oci-registry-auth.ts";
import type { RegistryStore } from "./oci-registry-store.ts";

/** What real registries do differently from each other; may be changed while the registry runs. */
export interface RegistryBehaviour {
  /** Tags a page, whatever the client asks for above that. */
  pageSize: number;
  /** An empty repository's tags are null, as in Harbor, or an empty list. */
  emptyTags: "list" | "null";
  /** Form of the `Link` header's target; some registries send none. */
  link: "relative" | "absolute" | "none";
  /** What `last` does: the page begins after that name, as is right, or it is not looked at, or refused. */
  last: "followed" | "ignored" | "refused";
  /** What a request without `n` gives: a page, or all tags. */
  unsized: "page" | "all";
  /** What a HEAD on a manifest has: its digest, nothing, or this text in place of the digest. */
  headDigest: "sent" | "missing" | { readonly wrong: string };
  /** How many of the next requests are rejected. */
  throttle: { requests: number; readonly status: 429 | 503; readonly retryAfter: string } | null;
  /** Responds in place of the registry: true if it did. For responses that no sane registry sends. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | null;
}

/** What the routes work on. */
export interface RegistryParts {
  readonly store: RegistryStore;
  readonly guard: RegistryGuard;
  readonly behaviour: RegistryBehaviour;
  readonly url: () => string;
}

const ROOT_TEXT = "This is a simulated OCI registry inside lab-images: its images have no content and cannot be run.\n";

function sendTags(parts: RegistryParts, response: ServerResponse, repository: string, query: URLSearchParams): void {
  const { store, behaviour } = parts;
  const tags = store.tags(repository);
  if (tags === null) {
    sendRegistryError(response, 404, "NAME_UNKNOWN", "repository name not known to registry");
    return;
  }
  const wanted = Number.parseInt(query.get("n") ?? "", 10);
  const most = query.has("n") || behaviour.unsized === "page" ? behaviour.pageSize : tags.length;
  const size = wanted > 0 ? Math.min(wanted, most) : most;
  const last = query.get("last");
  if (last !== null && behaviour.last === "refused") {
    sendRegistryError(response, 400, "UNSUPPORTED", "last is not supported");
    return;
  }
  const start = last === null || behaviour.last === "ignored" ? 0 : firstAfter(tags, last);
  const page = tags.slice(start, start + size);
  const lastOfPage = page.at(-1);
  if (lastOfPage !== undefined && start + size < tags.length && behaviour.link !== "none") {
    const next = `/v2/${repository}/tags/list?last=${encodeURIComponent(lastOfPage)}&n=${size}`;
    response.setHeader("link", `<${behaviour.link === "absolute" ? parts.url() : ""}${next}>; rel="next"`);
  }
  response.writeHead(200, { "content-type": "application/json" });
  const none = behaviour.emptyTags === "null" ? null : [];
  response.end(JSON.stringify({ name: repository, tags: page.length === 0 ? none : page }));
}

/** Index of the first tag above `last` in a sorted list, by halving. */
function firstAfter(tags: readonly string[], last: string): number {
  let low = 0;
  let high = tags.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((tags[middle] ?? "") <= last) low = middle + 1;
    else high = middle;
  }
  return low;
}

function sendManifest(
  parts: RegistryParts,
  request: IncomingMessage,
  response: ServerResponse,
  repository: string,
  reference: string,
): void {
  const manifest = parts.store.manifest(repository, reference);
  const accepted = request.headers.accept ?? "*/*";
  if (manifest === null || !(accepted.includes("*/*") || accepted.includes(manifest.mediaType))) {
    const code = parts.store.hasRepository(repository) ? "MANIFEST_UNKNOWN" : "NAME_UNKNOWN";
    sendRegistryError(response, 404, code, "manifest unknown");
    return;
  }
  const header = parts.behaviour.headDigest;
  if (request.method !== "HEAD" || header === "sent") response.setHeader("docker-content-digest", manifest.digest);
  else if (header !== "missing") response.setHeader("docker-content-digest", header.wrong);
  response.writeHead(200, { "content-type": manifest.mediaType, "content-length": manifest.bytes.length });
  response.end(request.method === "HEAD" ? undefined : manifest.bytes);
}

function turnedAway(behaviour: RegistryBehaviour, response: ServerResponse): boolean {
  const { throttle } = behaviour;
  if (throttle === null || throttle.requests <= 0) return false;
  throttle.requests -= 1;
  const headers = { "retry-after": throttle.retryAfter };
  sendRegistryError(response, throttle.status, "TOOMANYREQUESTS", "slow down", headers);
  return true;
}

/** Handles one request. */
export async function serveRegistry(
  parts: RegistryParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.setHeader("server", "lab-images-simulation");
  response.setHeader("docker-distribution-api-version", "registry/2.0");
  if (parts.behaviour.intercept?.(request, response) === true || turnedAway(parts.behaviour, response)) return;
  const url = new URL(request.url ?? "/", parts.url());
  if (url.pathname === "/token") return parts.guard.serveToken(request, response);
  if (request.method !== "GET" && request.method !== "HEAD") {
    sendRegistryError(response, 405, "UNSUPPORTED", "this simulation is filled by the program that runs it");
    return;
  }
  if (url.pathname === "/") {
    response.writeHead(200, { "content-type": "text/plain; charset=utf-8" }).end(ROOT_TEXT);
    return;
  }
  const route = /^\/v2\/(?:(.+)\/(?:(tags\/list)|manifests\/([^/]+)))?$/.exec(decodeURIComponent(url.pathname));
  if (route === null) return sendRegistryError(response, 404, "UNSUPPORTED", "no such route");
  const [, repository = "", listing, reference] = route;
  if (!parts.guard.admit(request, response, repository)) return;
  if (listing !== undefined) sendTags(parts, response, repository, url.searchParams);
  else if (reference !== undefined) sendManifest(parts, request, response, repository, reference);
  else response.writeHead(200, { "content-type": "application/json" }).end("{}");
}
