/** A tag of the distribution specification. */
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * Tags that hold no runnable image: the referrers fallback of the distribution specification (`sha256-<hex>`), and
 * signatures, attestations and SBOMs in the same naming (`sha256-<hex>.sig`).
 */
const artifactPattern = /^sha(?:256|512)-[0-9a-f]{64}(?![0-9A-Za-z_])/;

const digestPattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** Whether a listed name is a tag of a runnable image, as far as its name tells (behaviour.md section 3). */
export function isImageTag(name: string): boolean {
  return tagPattern.test(name) && !artifactPattern.test(name);
}

/** Whether a text is a digest of an algorithm that OCI registers, in its canonical form. */
export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}
