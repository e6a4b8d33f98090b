/** What an image can run on, as a manifest or an index has it. */
export interface Platform {
  /** GOOS, such as `linux`. */
  readonly os: string;
  /** GOARCH, such as `amd64`. */
  readonly architecture: string;
}

/** What a node runs; null where neither a label nor its nodeInfo has it. */
export interface NodePlatform {
  readonly os: string | null;
  readonly architecture: string | null;
}

/** What decides where an image can run. */
export interface Runnable {
  /** As the registry has them; null where they are not known. Empty for what is no image that runs, such as a chart. */
  readonly platforms: readonly Platform[] | null;
  /** The architecture that the tag names, where its scheme has architectures; null for any. */
  readonly architecture: string | null;
}

/** What decides where an image of a catalog can run. */
export function runnableOf({
  platforms,
  tag,
}: {
  readonly platforms: readonly Platform[] | null;
  readonly tag: { readonly architecture: string | null };
}): Runnable {
  return { platforms, architecture: tag.architecture };
}

/** Architectures that Go knows (GOARCH) and nodes can have: a tag of one of them is for such nodes alone. */
const NODE_ARCHITECTURES: ReadonlySet<string> = new Set([
  "amd64",
  "arm64",
  "arm",
  "386",
  "ppc64le",
  "s390x",
  "riscv64",
  "loong64",
  "mips64le",
]);

/** An unknown system is Linux (docs/spec/sets.md 4.3). */
export function systemOf({ os }: NodePlatform): string {
  return os ?? "linux";
}

/** Reads `os/architecture[/variant]`; the variant does not count. Null where the text has no architecture. */
export function parsePlatform(text: string): Platform | null {
  const [os = "", architecture = ""] = text.split("/");
  return os === "" || architecture === "" ? null : { os, architecture };
}

/** Writes a platform as `os/architecture`. */
export function formatPlatform({ os, architecture }: Platform): string {
  return `${os}/${architecture}`;
}

/**
 * The platforms of a manifest without `unknown/unknown` entries, which are attestations. A list of such entries alone says
 * nothing of the image: null.
 */
export function knownPlatforms(listed: readonly Platform[]): readonly Platform[] | null {
  const known = listed.filter(({ os }) => os !== "unknown");
  return known.length === 0 && listed.length > 0 ? null : known;
}

/** Whether the node can run the image (docs/spec/sets.md 4.3). */
export function canRun(node: NodePlatform, { platforms, architecture }: Runnable): boolean {
  const system = systemOf(node);
  if (platforms !== null) {
    return platforms.some(
      (platform) =>
        platform.os === system && (node.architecture === null || platform.architecture === node.architecture),
    );
  }
  if (system !== "linux") return false;
  const isBound = architecture !== null && NODE_ARCHITECTURES.has(architecture);
  return !isBound || node.architecture === null || node.architecture === architecture;
}
