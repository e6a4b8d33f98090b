/** Which source of a snapshot: a source of images with its own name, or the cluster. */
export interface NamedSource {
  readonly name: "registry" | "kubernetes";
  /** Name of the source of images; empty for the cluster. */
  readonly source: string;
}

/**
 * Returns what identifies one of `all` in metrics, alerts and the log: `kubernetes`, or `registry` for a source of images
 * that is the only one. Of several, each is `registry:NAME`: a name may be `kubernetes` too, and none has a colon
 * (docs/spec/sets.md, Configuration).
 */
export function sourceLabel({ name, source }: NamedSource, all: readonly NamedSource[]): string {
  const isAlone = all.filter((each) => each.name === name).length === 1;
  return isAlone ? name : `${name}:${source}`;
}
