import { type ApiObject, apiVersionOf, isJsonObject, type JsonObject } from "./kubernetes-objects.ts";
import { objectFilter } from "./kubernetes-selectors.ts";
import { badRequest, expired } from "./kubernetes-status.ts";
import type { KubernetesStore } from "./kubernetes-store.ts";
import type { ObjectAddress } from "./kubernetes-strategy.ts";

/** The key of an object in the store: its name, after its namespace where it has one. */
export function keyOf(namespace: string, name: string): string {
  return namespace === "" ? name : `${namespace}/${name}`;
}

/** What a continue token holds: opaque to clients, base64 of JSON. */
interface Continuation {
  /** Revision of the list. */
  readonly revision: number;
  /** Key of the last object of the page before. */
  readonly after: string;
}

/**
 * The body of a list, as text: a consistent state, cut by `limit` and `continue`. Objects in lists carry neither kind nor
 * apiVersion, as with the real server. Throws 400 for a token that is none, 410 for one that is too old.
 */
export function listBody(store: KubernetesStore, address: ObjectAddress, query: URLSearchParams): string {
  const continuation = readContinuation(query.get("continue") ?? "");
  const revision = continuation?.revision ?? exactRevision(store, query) ?? store.revision;
  const filter = listFilter(address, query);
  const limit = readLimit(query);
  const plural = address.type.plural;
  const all =
    continuation === null ? store.listAt(plural, revision) : rest(store.listAt(plural, revision), continuation);
  const matching = all.filter(filter);
  const page = matching.slice(0, limit);
  const remaining = matching.length - page.length;
  const last = page.at(-1);
  const metadata: JsonObject = {
    resourceVersion: String(revision),
    ...(remaining > 0 && last !== undefined ? { continue: continueToken(revision, last) } : {}),
    ...(remaining > 0 && !query.get("labelSelector") && !query.get("fieldSelector")
      ? { remainingItemCount: remaining }
      : {}),
  };
  const { kind } = address.type;
  const items = page.map((object) => JSON.stringify({ ...object, kind: undefined, apiVersion: undefined }));
  const head = JSON.stringify({ kind: `${kind}List`, apiVersion: apiVersionOf(address.type), metadata }).slice(0, -1);
  return `${head},"items":[${items.join(",")}]}`;
}

/** The filter of a list or watch: the path's namespace and the selectors of the query. */
export function listFilter({ namespace, name }: ObjectAddress, query: URLSearchParams): (object: ApiObject) => boolean {
  const selected = objectFilter(query.get("labelSelector") ?? "", query.get("fieldSelector") ?? "");
  return (object) =>
    (namespace === "" || object.metadata.namespace === namespace) &&
    (name === "" || object.metadata.name === name) &&
    selected(object);
}

function rest(objects: readonly ApiObject[], { after }: Continuation): readonly ApiObject[] {
  const start = objects.findIndex((object) => storeKey(object) > after);
  return start < 0 ? [] : objects.slice(start);
}

function storeKey(object: ApiObject): string {
  return keyOf(object.metadata.namespace ?? "", object.metadata.name);
}

function readLimit(query: URLSearchParams): number {
  const limit = Number(query.get("limit") ?? "0");
  if (!Number.isInteger(limit) || limit < 0) throw badRequest(`limit: Invalid value: "${query.get("limit")}"`);
  return limit === 0 ? Number.POSITIVE_INFINITY : limit;
}

function exactRevision(store: KubernetesStore, query: URLSearchParams): number | null {
  if (query.get("resourceVersionMatch") !== "Exact") return null;
  const revision = Number(query.get("resourceVersion"));
  if (revision > store.revision) throw expired(`The resourceVersion for the provided list is too new: ${revision}`);
  return revision;
}

function continueToken(revision: number, last: ApiObject): string {
  return Buffer.from(JSON.stringify({ revision, after: storeKey(last) })).toString("base64url");
}

function readContinuation(token: string): Continuation | null {
  if (token === "") return null;
  const invalid = badRequest("continue key is not valid");
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
  } catch {
    throw invalid;
  }
  if (!isJsonObject(value)) throw invalid;
  const { revision, after } = value;
  if (typeof revision !== "number" || typeof after !== "string") throw invalid;
  return { revision, after };
}
