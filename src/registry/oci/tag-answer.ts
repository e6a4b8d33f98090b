import { createHash } from "node:crypto";
import { RegistryUnavailableError } from "../../domain/errors.ts";
import type { HttpAnswer, HttpRequest } from "../http/http-client.ts";
import type { RegistryLimits } from "./limits.ts";
import type { RegistrySession } from "./registry-session.ts";
import { isDigest } from "./tag-names.ts";

export interface TagAnswerOptions {
  readonly session: RegistrySession;
  readonly origin: string;
  readonly path: string;
  readonly limits: RegistryLimits;
}

/** What a registry answers about one tag. */
export type TagAnswer =
  | { readonly kind: "found"; readonly digest: string }
  /** A GET has answered, in the registry's own form, that it has no such tag. */
  | { readonly kind: "absent" }
  /** The registry does not give the manifest out. `reason` as in "tag w_2077_43 answers 412". */
  | { readonly kind: "refused"; readonly status: number; readonly reason: string }
  /** The registry gives out what is no manifest of an image. */
  | { readonly kind: "unusable"; readonly reason: string };

/** Whoever leaves one of them out is given another manifest, with another digest, or none. */
const manifestTypes: readonly string[] = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];
const ACCEPT = manifestTypes.join(", ");
/** Schema 1, signed or not: its digest is not that of what runtimes pull. */
const schema1Pattern = /^application\/vnd\.docker\.distribution\.manifest\.v1\b/;
/** What proxies and object stores make of any type: then the document itself says what it is. */
const plainTypes: ReadonlySet<string> = new Set(["", "application/octet-stream", "application/json", "text/plain"]);
/** The most that is read of a document to learn its type, in bytes: what `JSON.parse` makes of more is too much. */
const MAX_PARSED_BYTES = 256 * 1_024;

function mediaType(header: HttpAnswer["header"]): string {
  return (header("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

function digestHeader(header: HttpAnswer["header"]): string | null {
  const reported = header("docker-content-digest");
  return reported !== null && isDigest(reported) ? reported : null;
}

function parseObject(body: Buffer): object | null {
  try {
    const document: unknown = JSON.parse(body.toString("utf8"));
    return typeof document === "object" ? document : null;
  } catch {
    return null;
  }
}

/** Whether a 404 is the registry's own word for a manifest that it lacks, and not that of a proxy without a registry. */
function saysUnknown(answer: HttpAnswer): boolean {
  const document = parseObject(answer.body);
  return document !== null && "errors" in document && Array.isArray(document.errors);
}

/** A manifest while it comes in: hashed, and kept only where its type must be read from it. */
interface ManifestReading {
  readonly hash: ReturnType<typeof createHash>;
  readonly algorithm: string;
  readonly kept: Buffer[];
  bytes: number;
}

function beginReading(header: HttpAnswer["header"]): ManifestReading {
  const algorithm = digestHeader(header)?.split(":", 1)[0] ?? "sha256";
  return { hash: createHash(algorithm), algorithm, kept: [], bytes: 0 };
}

/** Why the document cannot be used, by its type; null where it can. */
function typeFault(answer: HttpAnswer, { kept, bytes }: ManifestReading): string | null {
  const type = mediaType(answer.header);
  if (manifestTypes.includes(type)) return null;
  if (schema1Pattern.test(type)) return "has a manifest of schema 1";
  const document = plainTypes.has(type) && bytes <= MAX_PARSED_BYTES ? parseObject(Buffer.concat(kept)) : null;
  if (document === null) return "has a manifest of a type that was not asked for";
  if ("mediaType" in document) {
    return manifestTypes.includes(String(document.mediaType))
      ? null
      : "has a manifest of a type that was not asked for";
  }
  if (
    "schemaVersion" in document &&
    document.schemaVersion === 2 &&
    ("config" in document || "manifests" in document)
  ) {
    return null;
  }
  return "schemaVersion" in document && document.schemaVersion === 1
    ? "has a manifest of schema 1"
    : "has a manifest of a type that was not asked for";
}

/** The digest of a manifest as it came; one that the registry sends besides must agree. */
function answerOf(answer: HttpAnswer, reading: ManifestReading): TagAnswer {
  const fault = typeFault(answer, reading);
  if (fault !== null) return { kind: "unusable", reason: fault };
  const digest = `${reading.algorithm}:${reading.hash.digest("hex")}`;
  const reported = digestHeader(answer.header);
  if (reported !== null && reported !== digest)
    return { kind: "unusable", reason: "has another digest than the registry reports" };
  return { kind: "found", digest };
}

async function answerByGet({ session, limits }: TagAnswerOptions, url: URL, signal: AbortSignal): Promise<TagAnswer> {
  const { maxManifestBytes: maxBytes } = limits;
  let reading = beginReading(() => null);
  const reader: HttpRequest["reader"] = (header) => {
    reading = beginReading(header);
    return (chunk) => {
      reading.bytes += chunk.length;
      // Ends the request here: to read on would serve nothing.
      if (reading.bytes > maxBytes) throw new RegistryUnavailableError(`${url.host} sends a manifest without end`);
      reading.hash.update(chunk);
      if (reading.bytes <= MAX_PARSED_BYTES) reading.kept.push(chunk);
    };
  };
  try {
    const answer = await session.ask(
      { method: "GET", url, accept: ACCEPT, maxBytes: Number.MAX_SAFE_INTEGER, reader },
      signal,
    );
    if (answer.status === 200) return answerOf(answer, reading);
    if (answer.status === 404 && saysUnknown(answer)) return { kind: "absent" };
    if (answer.status >= 400 && answer.status < 500) {
      return { kind: "refused", status: answer.status, reason: `answers ${answer.status}` };
    }
    throw new RegistryUnavailableError(`${url.host} answers ${answer.status} where a manifest was expected`);
  } catch (error) {
    if (reading.bytes > maxBytes) return { kind: "unusable", reason: `has a manifest of more than ${maxBytes} bytes` };
    throw error;
  }
}

/**
 * Asks for the digest of a tag's manifest: by HEAD, which Docker Hub does not count as a pull, and by GET where that
 * gives none. A HEAD proves no absence: registries and what stands before them answer it with 404, 403, 405 or 500
 * where a GET has the manifest (field case F2). Rejects with a RegistryDeniedError or a RegistryUnavailableError where the answer
 * concerns the registry and not this tag, or with the signal's reason.
 */
export async function askTag(options: TagAnswerOptions, tag: string, signal: AbortSignal): Promise<TagAnswer> {
  const url = new URL(`/v2/${options.path}/manifests/${encodeURIComponent(tag)}`, options.origin);
  const request = { method: "HEAD", url, accept: ACCEPT, maxBytes: 0, finalStatus: 500 } as const;
  const answer = await options.session.ask(request, signal);
  const reported = answer.status === 200 ? digestHeader(answer.header) : null;
  const type = mediaType(answer.header);
  if (reported !== null && (manifestTypes.includes(type) || plainTypes.has(type)))
    return { kind: "found", digest: reported };
  return await answerByGet(options, url, signal);
}
