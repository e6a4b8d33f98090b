import { type CooperativeTask, runToCompletion } from "../../domain/cooperative.ts";
import { isSameList } from "../../domain/same-list.ts";
import type {
  NodeImage,
  NodeStatus,
  PrepullImages,
  PrepullProgress,
  WorkByNode,
} from "../../domain/snapshot/answers.ts";
import { ownBytes } from "../../lib/bytes.ts";
import { MAX_MESSAGE_BYTES } from "../paging/page.ts";
import { fieldNumbers } from "../server/contract.ts";
import { imagePart, nodePart } from "./prepull-progress-message.ts";
import { boolField, delimited, repeatedDelimited } from "./wire.ts";

const field = fieldNumbers("labimages.v1.WatchPrepullStatusResponse");

/** Names of removed nodes that are kept: with more, readers that lag behind start over. */
const MAX_REMOVED = 10_000;
/** Size at which a message is closed and the next one begins: encoding it takes 1 or 2 ms. */
const TARGET_BYTES = 64 * 1_024;
/** Nodes that are compared in one turn of the event loop. */
const NODES_PER_TURN = 1_000;
/** Bytes of a message that are reserved for its other fields. */
const RESERVED_BYTES = 64 * 1_024;

/** The status at one moment, parts of it encoded. */
export interface StatusView {
  readonly images: PrepullImages;
  readonly nodes: readonly NodeStatus[];
  readonly work: WorkByNode;
  /** The part of a `PrepullStatus` that holds the sources and the problems. */
  readonly health: Buffer;
  /** The response's state field. */
  readonly state: Buffer;
}

/**
 * The status with the version in which each part of it changed last: what has changed since any version can be sent to
 * whoever has that, and nothing is kept for a single reader.
 */
export interface StatusHistory {
  /** From 1, one more with each change. */
  readonly version: number;
  /** Takes the current status, cooperatively; readers see all of the change at its end, and none of it before. */
  update(view: StatusView): CooperativeTask<void>;
  /** Returns the messages from this version (0: nothing) to the current one, made once for all readers. */
  messagesSince(version: number): StatusMessages;
}

/**
 * The messages of one version, each encoded when it is first asked for: where 5,000 nodes have changed, that is a few
 * milliseconds a message and not a hundred at once. To be asked for in their order.
 */
export interface StatusMessages {
  /** Undefined after the last one. */
  at(index: number): Buffer | undefined;
}

interface NodeParts {
  readonly status: NodeStatus;
  readonly work: readonly PrepullProgress[];
}

interface NodeEntry extends NodeParts {
  readonly changedAt: number;
}

interface ImageEntry {
  readonly entry: NodeImage;
  readonly isPrepulled: boolean;
  readonly changedAt: number;
}

/** No change. */
export const NO_MESSAGES: StatusMessages = { at: () => undefined };

const NO_WORK: readonly PrepullProgress[] = [];

/** A history that begins with this status. `config` is the part of a `PrepullStatus` that never changes. */
export function createStatusHistory(config: Buffer, first: StatusView): StatusHistory {
  const nodes = new Map<string, NodeEntry>();
  const images = new Map<string, ImageEntry>();
  const removed = new Map<string, number>();
  const made = new Map<number, StatusMessages>();
  let health: { readonly bytes: Buffer; readonly changedAt: number } = { bytes: Buffer.alloc(0), changedAt: 0 };
  let state = first.state;
  /** Readers of an older version start over: what they hold of images that have gone cannot be taken back. */
  let resetAt = 1;
  let version = 0;

  function* differingNodes(view: StatusView): CooperativeTask<readonly NodeParts[]> {
    const differing: NodeParts[] = [];
    for (let from = 0; from < view.nodes.length; from += NODES_PER_TURN) {
      for (const status of view.nodes.slice(from, from + NODES_PER_TURN)) {
        const work = view.work.get(status.name) ?? NO_WORK;
        const before = nodes.get(status.name);
        if (before?.status !== status || !isSameList(before.work, work)) differing.push({ status, work });
      }
      yield;
    }
    return differing;
  }

  function updateNodes(view: StatusView, differing: readonly NodeParts[], next: number): boolean {
    for (const parts of differing) {
      const { name } = parts.status;
      nodes.set(name, { ...parts, changedAt: next });
      removed.delete(name);
    }
    if (nodes.size === view.nodes.length) return differing.length > 0;
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

  function* update(view: StatusView): CooperativeTask<void> {
    const differing = yield* differingNodes(view);
    const next = version + 1;
    const healthChanged = !health.bytes.equals(view.health);
    if (healthChanged) health = { bytes: ownBytes(view.health), changedAt: next };
    const nodesChanged = updateNodes(view, differing, next);
    const imagesChanged = updateImages(view, next);
    if (!healthChanged && !nodesChanged && !imagesChanged && version > 0) return;
    if (removed.size > MAX_REMOVED) {
      removed.clear();
      resetAt = next;
    }
    state = view.state;
    version = next;
    made.clear();
  }

  function partsSince(since: number): readonly Part[] {
    const parts: Part[] = since === 0 ? [() => config] : [];
    const { bytes, changedAt: healthChangedAt } = health;
    if (healthChangedAt > since) parts.push(() => bytes);
    for (const { entry, isPrepulled, changedAt } of images.values()) {
      if (changedAt > since) parts.push(() => imagePart(entry, isPrepulled));
    }
    for (const { status, work, changedAt } of nodes.values()) {
      if (changedAt > since) parts.push(() => nodePart(status, work));
    }
    return parts;
  }

  function encoder(since: number): StatusMessages {
    const gone = since === 0 ? [] : [...removed].filter(([, at]) => at > since).map(([name]) => Buffer.from(name));
    const stateNow = state;
    return messagesOf(partsSince(since), (chunk, isFirst, isLast) =>
      ownBytes(
        boolField(field("reset"), since === 0 && isFirst),
        delimited(field("status"), chunk),
        isFirst ? repeatedDelimited(field("removedNodes"), gone) : Buffer.alloc(0),
        boolField(field("complete"), since > 0 || isLast),
        stateNow,
      ),
    );
  }

  runToCompletion(update(first));
  return {
    get version() {
      return version;
    },
    update,
    messagesSince(asked) {
      if (asked === version) return NO_MESSAGES;
      const since = asked < resetAt ? 0 : asked;
      const known = made.get(since);
      if (known !== undefined) return known;
      const messages = encoder(since);
      made.set(since, messages);
      return messages;
    },
  };
}

/** Encodes one part of a `PrepullStatus`. */
type Part = () => Buffer;

/** Parts of a status put together into as few messages as they fit into: one at least. */
function messagesOf(
  parts: readonly Part[],
  wrap: (chunk: Buffer, isFirst: boolean, isLast: boolean) => Buffer,
): StatusMessages {
  const messages: Buffer[] = [];
  let next = 0;
  /** Encoded already, and too large for the message before. */
  let left: Buffer | null = null;

  function nextChunk(): Buffer {
    const chunk: Buffer[] = left === null ? [] : [left];
    let size = left?.length ?? 0;
    left = null;
    for (let part = parts[next]; part !== undefined && size < TARGET_BYTES; part = parts[next]) {
      next += 1;
      const bytes = part();
      if (size > 0 && size + bytes.length > MAX_MESSAGE_BYTES - RESERVED_BYTES) {
        left = bytes;
        break;
      }
      chunk.push(bytes);
      size += bytes.length;
    }
    return Buffer.concat(chunk);
  }

  const isWhole = () => messages.length > 0 && next === parts.length && left === null;
  return {
    at(index) {
      while (messages.length <= index && !isWhole()) {
        const chunk = nextChunk();
        messages.push(wrap(chunk, messages.length === 0, next === parts.length && left === null));
      }
      return messages[index];
    },
  };
}
