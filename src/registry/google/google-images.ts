import type { RemoteTag } from "../../domain/tags/remote-tag.ts";
import { ownText } from "../../lib/bytes.ts";
import { isImageTag } from "../oci/tag-names.ts";
import type { DockerImage } from "./google-wire.ts";

/** A digest by the grammar of OCI; which algorithms there are is Google's business. */
const digestPattern = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[A-Za-z0-9=_-]+$/;

function sizeOf({ imageSizeBytes: size }: DockerImage): number | null {
  return Number.isSafeInteger(size) && size > 0 ? size : null;
}

/**
 * One entry for each tag of the image, or none if it is another image of the repository or one nested below ours: its
 * name is all between our prefix and the digest.
 *
 * @param name registry and path of our image, without tag
 */
export function remoteTagsOf(image: DockerImage, name: string): readonly RemoteTag[] {
  const { uri, tags } = image;
  const at = uri.indexOf("@");
  const digest = ownText(uri.slice(at + 1));
  if (at < 0 || decodeName(uri.slice(0, at)) !== name || !digestPattern.test(digest)) return [];
  const { pushedAt } = image;
  const facts = { digest, sizeBytes: sizeOf(image), ...(pushedAt === null ? {} : { pushedAt }) };
  return tags.filter(isImageTag).map((tag) => ({ tag, ...facts }));
}

/** Nested names may be written with `%2F`, and the project of a domain as it is, with a colon. */
function decodeName(name: string): string {
  return name.replaceAll(/%2f|:/gi, "/");
}
