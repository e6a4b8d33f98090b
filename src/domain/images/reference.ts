import { InvalidReferenceError } from "../errors.ts";

/** The parts of an image reference, `registry/repository[:tag][@digest]`. */
export interface ImageReference {
  /** Host, with port where it has one; always the reference's first component. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | null;
  /** `algorithm:hex`. */
  readonly digest: string | null;
}

/** More than any reference needs: a host name has at most 253 characters, a repository 255, a tag 128, a digest 135. */
const MAX_LENGTH = 1024;
/** White space, and characters that are not to be seen or do not stand for themselves: controls, marks of direction, halves of pairs. */
const FORBIDDEN = /[\s\p{C}]/u;

/**
 * Parses an image reference (docs/spec/images.md). No default is put in: the first component is the registry, whatever
 * it looks like. What the parts look like inside is not judged; one that is not ours is unknown rather than invalid.
 * @throws InvalidReferenceError with what was expected, for the caller
 */
export function parseReference(text: string): ImageReference {
  if (text.length > MAX_LENGTH) throw invalid(`it has more than ${MAX_LENGTH} characters`);
  if (FORBIDDEN.test(text)) throw invalid("it has white space or control characters");
  const slash = text.indexOf("/");
  if (slash < 0) throw invalid('it has no "/"');
  const [name, digest] = splitAt(text.slice(slash + 1), "@");
  const [repository, tag] = splitAt(name, ":");
  const registry = text.slice(0, slash);
  if (registry === "") throw invalid("the registry is empty");
  if (repository.split("/").includes("")) throw invalid("the repository, or a component of it, is empty");
  if (tag === "") throw invalid("the tag is empty");
  if (digest === "") throw invalid("the digest is empty");
  return { registry, repository, tag, digest };
}

/** Writes a reference; `parseReference` gives the same parts back. */
export function formatReference({ registry, repository, tag, digest }: ImageReference): string {
  return `${registry}/${repository}${tag === null ? "" : `:${tag}`}${digest === null ? "" : `@${digest}`}`;
}

/** What stands before and after the first separator; null after it where there is none. */
function splitAt(text: string, separator: string): [before: string, after: string | null] {
  const index = text.indexOf(separator);
  return index < 0 ? [text, null] : [text.slice(0, index), text.slice(index + separator.length)];
}

function invalid(reason: string): InvalidReferenceError {
  return new InvalidReferenceError(`expected an image reference registry/repository[:tag][@digest], but ${reason}`);
}
