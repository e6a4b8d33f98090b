import { isIP } from "node:net";
import { isJsonObject, type JsonObject } from "../../lib/json.ts";

/** What proves who we are: to the registry itself, or to the token service that it names. */
export type Credentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  | { readonly kind: "identity-token"; readonly username: string; readonly token: string }
  /** A bearer token for the registry itself. */
  | { readonly kind: "registry-token"; readonly token: string };

/** One entry of a credentials file. */
export interface CredentialsEntry {
  /** Host, with port where the key has one; a label of it may be `*`. */
  readonly host: string;
  /** Components below the host for which alone the entry holds; empty for all. */
  readonly path: readonly string[];
  readonly credentials: Credentials;
}

/** A credentials file that is not of the form; the text names no part of its contents. */
export class CredentialsFormError extends Error {}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

interface NameAndPassword {
  readonly username: string;
  readonly password: string;
}

/**
 * `base64(username:password)`, with either alphabet; a password may hold colons, a name may not. Docker pads with NUL, and
 * `echo` leaves a line end: neither can be part of a password (RFC 7617, section 2).
 */
function decodeAuth(auth: string): NameAndPassword | null {
  const text = Buffer.from(auth, "base64")
    .toString("utf8")
    .replaceAll(/\0|\r?\n$/g, "");
  const colon = text.indexOf(":");
  if (colon < 0 || text === ":") return null;
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function credentialsOf(entry: unknown): Credentials | null {
  if (!isJsonObject(entry)) return null;
  const username = textOf(entry["username"]);
  const password = textOf(entry["password"]);
  const decoded = decodeAuth(textOf(entry["auth"]) ?? "");
  const identityToken = textOf(entry["identitytoken"]);
  // Docker's own name for an account that has a token in place of a password.
  const accountName = username ?? decoded?.username ?? "<token>";
  if (identityToken !== null) return { kind: "identity-token", username: accountName, token: identityToken };
  const registryToken = textOf(entry["registrytoken"]);
  if (registryToken !== null) return { kind: "registry-token", token: registryToken };
  if (decoded !== null) return { kind: "password", ...decoded };
  return password === null ? null : { kind: "password", username: username ?? "", password };
}

/**
 * `https://index.docker.io/v1/`, `host`, `host:port/path`, in any case and with the trailing dot of a full name: the API
 * version at the end says nothing about the path.
 */
function splitKey(key: string): { host: string; path: readonly string[] } {
  const [authority = "", ...path] = key
    .trim()
    .replace(/^https?:\/\//i, "")
    .replace(/\/v[12]\/?$/i, "/")
    .split("/");
  const [, name = "", port = ""] = /^(.*?)\.?((?::\d+)?)$/.exec(authority.toLowerCase()) ?? [];
  return { host: `${name}${port}`, path: path.filter((component) => component !== "") };
}

/** Programs that hold credentials in place of the file: they are not run. */
function namesHelper(document: JsonObject): boolean {
  const helpers = document["credHelpers"];
  return textOf(document["credsStore"]) !== null || (isJsonObject(helpers) && Object.keys(helpers).length > 0);
}

/** What a credentials file says. */
export interface CredentialsDocument {
  /** Without those that hold no usable credentials. */
  readonly entries: readonly CredentialsEntry[];
  /** Hosts of entries that hold something, but neither a name with a password nor a token. */
  readonly unusable: readonly string[];
  /** Whether it names a credential helper, a program that would have to be run. */
  readonly namesHelper: boolean;
}

/**
 * Parses the `.dockerconfigjson` format, which is also that of `~/.docker/config.json` and of podman's `auth.json`, and
 * the older `.dockercfg`, which is what stands under `auths` alone. Throws a CredentialsFormError.
 */
export function parseCredentials(text: string): CredentialsDocument {
  let document: unknown;
  try {
    document = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch {
    throw new CredentialsFormError("the file is not JSON");
  }
  const auths = isJsonObject(document)
    ? document["auths"] === undefined
      ? document
      : (document["auths"] ?? {})
    : null;
  if (!isJsonObject(document) || !isJsonObject(auths))
    throw new CredentialsFormError("the file has no object under auths");
  const entries: CredentialsEntry[] = [];
  const unusable: string[] = [];
  for (const [key, entry] of Object.entries(auths)) {
    const credentials = credentialsOf(entry);
    const place = splitKey(key);
    if (credentials !== null) entries.push({ ...place, credentials });
    else if (isJsonObject(entry) && Object.keys(entry).length > 0) unusable.push(place.host);
  }
  return { entries, unusable, namesHelper: namesHelper(document) };
}

function split(host: string): { labels: readonly string[]; port: string; address: boolean } {
  const port = /:\d+$/.exec(host)?.[0] ?? "";
  const name = host.slice(0, host.length - port.length);
  return { labels: name.split("."), port, address: name.startsWith("[") || isIP(name) !== 0 };
}

/**
 * How well an entry's host fits: 2 for the host itself, 1 for a pattern, a fraction for a parent domain (the longer the
 * better), 0 for no fit. Parent domains have a dot, so that no entry holds for a whole top-level domain.
 */
function hostFit(entryHost: string, host: string): number {
  if (entryHost === host) return 2;
  const wanted = split(host);
  const given = split(entryHost);
  if (wanted.port !== given.port || wanted.address || given.address) return 0;
  const extra = wanted.labels.length - given.labels.length;
  if (extra < 0 || (extra > 0 && given.labels.length < 2)) return 0;
  const tail = wanted.labels.slice(extra);
  if (!tail.every((label, index) => given.labels[index] === label || (extra === 0 && given.labels[index] === "*"))) {
    return 0;
  }
  return extra === 0 ? 1 : given.labels.length / (wanted.labels.length + 1);
}

function pathFits(entryPath: readonly string[], path: readonly string[]): boolean {
  return entryPath.every((component, index) => path[index] === component);
}

/**
 * The credentials for a repository: of the entry whose host fits best, and among those the one with the longest path.
 * `hosts` are all names of the registry, `path` is the repository in its API.
 */
export function findCredentials(
  entries: readonly CredentialsEntry[],
  hosts: readonly string[],
  path: string,
): Credentials | null {
  const components = path.split("/");
  let best: { readonly entry: CredentialsEntry; readonly fit: number } | null = null;
  for (const entry of entries) {
    if (!pathFits(entry.path, components)) continue;
    const fit = Math.max(...hosts.map((host) => hostFit(entry.host, host.toLowerCase())));
    const better = best === null || fit > best.fit || (fit === best.fit && entry.path.length > best.entry.path.length);
    if (fit > 0 && better) best = { entry, fit };
  }
  return best?.entry.credentials ?? null;
}
