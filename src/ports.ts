/**
 * What the core needs of the outside, and what the outside may ask of the core. Adapters implement the first half;
 * gRPC and HTTP are written against the second. Types only: nothing here runs.
 */
import type { NodeReport } from "./domain/node-report.ts";
import type { RemoteTag } from "./domain/remote-tag.ts";

/** Time, injected so that tests turn it by hand. */
export interface Clock {
  /** Milliseconds since the epoch, for what people read and for ages of tags. May step. */
  wallTime(): number;
  /** Milliseconds on a scale that never steps, for intervals, graces and leases. */
  monotonicTime(): number;
  /** Runs `callback` once after `milliseconds`; answers what takes it back. Delays over 2^31-1 ms are kept, not cut. */
  schedule(milliseconds: number, callback: () => void): () => void;
}

/**
 * The registry that holds the remote images (behaviour.md section 3). Every failure is a RegistryUnavailableError or a
 * RegistryDeniedError; an abort of `signal` rejects with the signal's reason. Calls are bounded in time by the adapter.
 */
export interface ImageSource {
  /** Host, with port where it is not the scheme's own: the first component of every reference. */
  readonly registry: string;
  /** Path below the registry. */
  readonly repository: string;
  /**
   * All tags, each once, in the registry's order, without those that are not valid OCI tags or not runnable images
   * (the `sha256-<hex>` names of the referrers fallback). Digest and size are given where the listing tells them.
   */
  listTags(signal: AbortSignal): Promise<readonly RemoteTag[]>;
  /**
   * The digests of these tags, by tag. A tag that does not exist (any more) is absent from the answer; any other
   * failure rejects the whole.
   */
  resolveTags(tags: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, RemoteTag>>;
}

/** One page of a list of nodes. */
export interface NodePage {
  readonly nodes: readonly NodeReport[];
  /** `Clock.monotonicTime` when the request for this page was sent: the report is no younger than that. */
  readonly observedAt: number;
}

/** A change of one node, as a watch tells it. */
export type NodeChange =
  | { readonly type: "node.reported"; readonly node: NodeReport; readonly observedAt: number }
  | { readonly type: "node.removed"; readonly name: string; readonly uid: string; readonly observedAt: number };

/** What a node source tells those who follow it; a list and the changes after it come in one order. */
export interface NodeListener {
  /** Changes since the last list or change, oldest first; never during a list's pages. */
  changed(changes: readonly NodeChange[]): void;
  /** The watch works again (null), or does not, with the reason. */
  health(error: Error | null): void;
}

/**
 * The cluster's nodes, restricted by the node selector (behaviour.md section 4). Every failure is a
 * KubernetesUnavailableError or a KubernetesDeniedError; an abort of `signal` rejects with the signal's reason.
 */
export interface NodeSource {
  /**
   * All nodes, in pages, as one consistent list. `onPage` is called for each page, in order; the promise settles when
   * the list is whole. A list that has to start over calls `onRestart` first: what was passed on before is void.
   */
  list(onPage: (page: NodePage) => void, onRestart: () => void, signal: AbortSignal): Promise<void>;
  /** Follows the nodes between lists until `signal` aborts. */
  follow(listener: NodeListener, signal: AbortSignal): void;
}

/** Something an operator should know at once. Deduplicated by `key` by the adapter. */
export interface Alert {
  /** Names the cause: two alerts of one key are one. */
  readonly key: string;
  readonly message: string;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

/** Where alerts go. Never throws, never waits. */
export interface Alerts {
  raise(alert: Alert): void;
  /** The cause is gone: the next alert of this key is news again. */
  clear(key: string): void;
}

/** Fields of one log line; values are plain data, never secrets. */
export type LogFields = Readonly<Record<string, unknown>>;

/** A structured logger, child loggers carry a component's name. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Logger;
}
