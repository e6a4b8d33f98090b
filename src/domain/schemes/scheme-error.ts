/** A format or pattern that is none. The message goes on after "expected", and does not repeat what was written. */
export class SchemeError extends Error {
  /** The key of `tags` that is wrong. */
  readonly key: "format" | "pattern";

  constructor(key: "format" | "pattern", message: string) {
    super(message);
    this.name = "SchemeError";
    this.key = key;
  }
}
