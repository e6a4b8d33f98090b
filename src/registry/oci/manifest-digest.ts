import { createHash } from "node:crypto";
import { RegistryDeniedError, RegistryUnavailableError } from "../../domain/errors.ts";
import type { HttpAnswer } from "../http/http-client.ts";
import type { RegistryLimits } from "./limits.ts";
import type { RegistrySession } from "./registry-session.ts";
import { isDigest } from "./tag-names.ts";

export interface DigestOptions {
  readonly session: RegistrySession;
  readonly origin: string;
  readonly path: string;
  readonly limits: RegistryLimits;
}

/** Whoever leaves one of them out is given another manifest, with another digest, or none. */
const manifestTypes: readonly string[] = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];
const ACCEPT = manifestTypes.join(", ");

function mediaType(answer: HttpAnswer): string {
  return (answer.header("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** Whether a 404 is the registry's own word for a manifest that it lacks, and not that of a proxy without a registry. */
function saysUnknown(answer: HttpAnswer): boolean {
  try {
    const document: unknown = JSON.parse(answer.body.toString("utf8"));
    return typeof document === "object" && document !== null && "errors" in document && Array.isArray(document.errors);
  } catch {
    return false;
  }
}

/** Hashes a manifest as it came; a digest that the registry tells besides must agree. */
function digestOfBody(answer: HttpAnswer, host: string): string {
  if (!manifestTypes.includes(mediaType(answer))) {
    throw new RegistryUnavailableError(`${host} answers a manifest of a type that was not asked for`);
  }
  const told = answer.header("docker-content-digest");
  const algorithm = told !== null && isDigest(told) ? (told.split(":", 1)[0] ?? "sha256") : "sha256";
  const digest = `${algorithm}:${createHash(algorithm).update(answer.body).digest("hex")}`;
  if (told !== null && isDigest(told) && told !== digest) {
    throw new RegistryUnavailableError(`${host} tells a digest that its manifest does not have`);
  }
  return digest;
}

/** The digest by GET, or null where the registry knows no such manifest. */
async function digestByGet(options: DigestOptions, url: URL, signal: AbortSignal): Promise<string | null> {
  const request = { method: "GET", url, accept: ACCEPT, maxBytes: options.limits.maxManifestBytes } as const;
  const answer = await options.session.ask(request, signal);
  if (answer.status === 200) return digestOfBody(answer, url.host);
  if (answer.status === 404 && saysUnknown(answer)) return null;
  if (answer.status === 403) throw new RegistryDeniedError(`${url.host} refuses access to this repository (403)`);
  throw new RegistryUnavailableError(`${url.host} answers ${answer.status} where a manifest was expected`);
}

/**
 * The digest of a tag's manifest, or null where there is no such tag (any more). Asked by HEAD, which Docker Hub does
 * not count as a pull; by GET where that does not tell, or tells a text that is no digest. A 404 without the
 * registry's JSON is asked again by GET, since a HEAD has no body that could say whose 404 it is.
 */
export async function manifestDigest(options: DigestOptions, tag: string, signal: AbortSignal): Promise<string | null> {
  const url = new URL(`/v2/${options.path}/manifests/${encodeURIComponent(tag)}`, options.origin);
  const answer = await options.session.ask({ method: "HEAD", url, accept: ACCEPT, maxBytes: 0 }, signal);
  if (answer.status === 200) {
    const told = answer.header("docker-content-digest");
    if (told !== null && isDigest(told)) return told;
  } else if (answer.status === 404 && mediaType(answer) === "application/json") {
    return null;
  }
  return await digestByGet(options, url, signal);
}
