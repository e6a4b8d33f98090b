import type { RemoteTag } from "../../domain/tags/remote-tag.ts";
import { ownText } from "../../lib/bytes.ts";
import { isImageTag } from "../oci/tag-names.ts";

/** What is read of an image of `google.devtools.artifactregistry.v1`, as Google's client hands it out. */
export interface DockerImage {
  /** `LOCATION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE@DIGEST`. */
  readonly uri?: string | null;
  readonly tags?: readonly string[] | null;
  /** A 64-bit number, as text unless it was set by hand; zero where it is not known. */
  readonly imageSizeBytes?: number | string | object | null;
  /** When the image was pushed: `google.protobuf.Timestamp`, whose seconds are a 64-bit number too. */
  readonly uploadTime?: {
    readonly seconds?: number | string | object | null;
    readonly nanos?: number | null;
  } | null;
}

/** A digest by the grammar of OCI; which algorithms there are is Google's business. */
const digestPattern = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]+$/;

function sizeOf(image: DockerImage): number | null {
  const size = Number(String(image.imageSizeBytes ?? 0));
  return Number.isSafeInteger(size) && size > 0 ? size : null;
}

/** Milliseconds since the epoch, or null where the API does not say. */
function pushTimeOf({ uploadTime }: DockerImage): number | null {
  const seconds = Number(String(uploadTime?.seconds ?? 0));
  if (!Number.isSafeInteger(seconds) || seconds <= 0) return null;
  return seconds * 1_000 + Math.floor((uploadTime?.nanos ?? 0) / 1_000_000);
}

/**
 * One entry for each tag of the image, or none if it is another image of the repository or one nested below ours: its
 * name is all between our prefix and the digest.
 *
 * @param name registry and path of our image, without tag
 */
export function remoteTagsOf(image: DockerImage, name: string): readonly RemoteTag[] {
  const uri = image.uri ?? "";
  const at = uri.indexOf("@");
  const digest = ownText(uri.slice(at + 1));
  if (at < 0 || decodeName(uri.slice(0, at)) !== name || !digestPattern.test(digest)) return [];
  const pushedAt = pushTimeOf(image);
  const facts = { digest, sizeBytes: sizeOf(image), ...(pushedAt === null ? {} : { pushedAt }) };
  return (image.tags ?? []).filter(isImageTag).map((tag) => ({ tag, ...facts }));
}

/** Nested names may be written with `%2F`, and the project of a domain as it is, with a colon. */
function decodeName(name: string): string {
  return name.replaceAll(/%2f|:/gi, "/");
}
