import { isRunnableTag, isValidTag } from "../../domain/tags/tag-parse.ts";

const digestPattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** Whether a listed name is a tag of a runnable image, by its name (docs/spec/images.md). */
export function isImageTag(name: string): boolean {
  return isValidTag(name) && isRunnableTag(name);
}

/** Whether a text is a digest of an algorithm that OCI registers, in its canonical form. */
export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}
