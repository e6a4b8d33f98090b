import type { NodeImage, NodeStatus, PrepullImages, PrepullProgress } from "../domain/answers.ts";
import { WATCH_PREPULL_STATUS_FIELD as FIELD } from "./field-numbers.ts";
import { LARGEST_MESSAGE } from "./page.ts";
import { byNode, imagePart, nodePart } from "./prepull-progress-message.ts";
import { boolField, delimited, repeatedDelimited } from "./wire.ts";

/** Names of nodes that have gone, at most: with more, readers that lag behind start over. */
const MOST_REMOVED = 10_000;
/** Bytes of a message that are set aside for what is no part of the status. */
const RESERVE = 64 * 1_024;

/** The status as it is at one moment, with what is encoded of it already. */
export interface StatusView {
  readonly images: PrepullImages;
  readonly nodes: readonly NodeStatus[];
  readonly progress: readonly PrepullProgress[];
  /** The part of a `PrepullStatus` that holds the sources. */
  readonly sources: Buffer;
  /** The response's state field. */
  readonly state: Buffer;
}

/**
 * The status with the version in which each part of it changed last: whoever knows a version can be told what has changed
 * since, whatever it has missed, and nothing is kept for any reader.
 */
export interface StatusHistory {
  /** From 1, one more with each change. */
  readonly version: number;
  /** Takes the status as it is now. */
  update(view: StatusView): void;
  /** Encoded messages that bring a reader from this version (0: nothing) to the current one, made once for all readers. */
  messagesSince(version: number): readonly Buffer[];
}

interface NodeEntry {
  readonly status: NodeStatus;
  readonly work: readonly PrepullProgress[];
  readonly changedAt: number;
}

interface ImageEntry {
  readonly entry: NodeImage;
  readonly isPrepulled: boolean;
  readonly changedAt: number;
}

const NO_WORK: readonly PrepullProgress[] = [];

/** A history that begins with this status. `config` is the part of a `PrepullStatus` that never changes. */
export function createStatusHistory(config: Buffer, first: StatusView): StatusHistory {
  const nodes = new Map<string, NodeEntry>();
  const images = new Map<string, ImageEntry>();
  const removed = new Map<string, number>();
  const made = new Map<number, readonly Buffer[]>();
  let sources: { readonly bytes: Buffer; readonly changedAt: number } = { bytes: Buffer.alloc(0), changedAt: 0 };
  let state = first.state;
  /** Readers of an older version start over: what they hold of images that have gone cannot be taken back. */
  let resetAt = 1;
  let version = 0;

  function updateNodes(view: StatusView, next: number): boolean {
    const work = byNode(view.progress);
    let changed = false;
    for (const status of view.nodes) {
      const own = work.get(status.name) ?? NO_WORK;
      const before = nodes.get(status.name);
      if (before?.status === status && isSameList(before.work, own)) continue;
      nodes.set(status.name, { status, work: own, changedAt: next });
      removed.delete(status.name);
      changed = true;
    }
    if (nodes.size === view.nodes.length) return changed;
    const present = new Set(view.nodes.map(({ name }) => name));
    for (const name of nodes.keys()) {
      if (present.has(name)) continue;
      nodes.delete(name);
      removed.set(name, next);
    }
    return true;
  }

  function updateImages({ images: { prepulled, pending } }: StatusView, next: number): boolean {
    let changed = false;
    for (const [at, entry] of [...prepulled, ...pending].entries()) {
      const isPrepulled = at < prepulled.length;
      const before = images.get(entry.image.reference);
      if (before?.entry === entry && before.isPrepulled === isPrepulled) continue;
      images.set(entry.image.reference, { entry, isPrepulled, changedAt: next });
      changed = true;
    }
    if (images.size === prepulled.length + pending.length) return changed;
    const present = new Set([...prepulled, ...pending].map(({ image }) => image.reference));
    for (const reference of images.keys()) if (!present.has(reference)) images.delete(reference);
    resetAt = next;
    return true;
  }

  function update(view: StatusView): void {
    const next = version + 1;
    const sourcesChanged = !sources.bytes.equals(view.sources);
    if (sourcesChanged) sources = { bytes: view.sources, changedAt: next };
    const nodesChanged = updateNodes(view, next);
    const imagesChanged = updateImages(view, next);
    if (!sourcesChanged && !nodesChanged && !imagesChanged && version > 0) return;
    if (removed.size > MOST_REMOVED) {
      removed.clear();
      resetAt = next;
    }
    state = view.state;
    version = next;
    made.clear();
  }

  function partsSince(since: number): Buffer[] {
    const parts = since === 0 ? [config] : [];
    if (sources.changedAt > since) parts.push(sources.bytes);
    for (const { entry, isPrepulled, changedAt } of images.values()) {
      if (changedAt > since) parts.push(imagePart(entry, isPrepulled));
    }
    for (const { status, work, changedAt } of nodes.values()) if (changedAt > since) parts.push(nodePart(status, work));
    return parts;
  }

  function encode(since: number): readonly Buffer[] {
    const chunks = inChunks(partsSince(since));
    const gone = since === 0 ? [] : [...removed].filter(([, at]) => at > since).map(([name]) => Buffer.from(name));
    return chunks.map((chunk, at) =>
      Buffer.concat([
        boolField(FIELD.reset, since === 0 && at === 0),
        delimited(FIELD.status, chunk),
        at === 0 ? repeatedDelimited(FIELD.removedNodes, gone) : Buffer.alloc(0),
        boolField(FIELD.complete, since > 0 || at === chunks.length - 1),
        state,
      ]),
    );
  }

  update(first);
  return {
    get version() {
      return version;
    },
    update,
    messagesSince(asked) {
      if (asked === version) return [];
      const since = asked < resetAt ? 0 : asked;
      const known = made.get(since);
      if (known !== undefined) return known;
      const messages = encode(since);
      made.set(since, messages);
      return messages;
    },
  };
}

/** Parts of a status put together into as few as fit into a message each: one at least. */
function inChunks(parts: readonly Buffer[]): readonly Buffer[] {
  const chunks: Buffer[][] = [[]];
  let size = 0;
  for (const part of parts) {
    if (size > 0 && size + part.length > LARGEST_MESSAGE - RESERVE) {
      chunks.push([]);
      size = 0;
    }
    chunks.at(-1)?.push(part);
    size += part.length;
  }
  return chunks.map((chunk) => Buffer.concat(chunk));
}

function isSameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((one, at) => one === b[at]);
}
