/**
 * What the core needs of the outside, and what the outside may ask of the core. Adapters implement the first half;
 * gRPC and HTTP are written against the second. Types only: nothing here runs.
 */

import type { LabImagesError } from "./domain/errors.ts";
import type { NodeReport } from "./domain/nodes/node-report.ts";
import type { PullFailureClass } from "./domain/prepull/failure-table.ts";
import type { PullFailure, PullOrder, PullOutcome, RecoveredPulls } from "./domain/prepull/pull.ts";
import type { PrepullState, WorkByNode } from "./domain/snapshot/answers.ts";
import type { Problem } from "./domain/snapshot/problems.ts";
import type { ResolvedImage, Snapshot } from "./domain/snapshot/snapshot.ts";
import type { NamedSource } from "./domain/source-label.ts";
import type { RemoteTag } from "./domain/tags/remote-tag.ts";

/** Time, injected so that tests turn it by hand. */
export interface Clock {
  /** Milliseconds since the epoch, for what people read and for ages of tags. May step. */
  wallTime(): number;
  /** Milliseconds on a scale that never steps, for intervals, graces and leases. */
  monotonicTime(): number;
  /** Runs `callback` once after `milliseconds`; returns a function that cancels it. Delays over 2^31-1 ms are kept, not cut. */
  schedule(milliseconds: number, callback: () => void): () => void;
}

/**
 * The registry that holds the remote images (docs/spec/images.md). Every failure is a RegistryUnavailableError or a
 * RegistryDeniedError; an abort of `signal` rejects with the signal's reason. Calls are bounded in time by the adapter.
 */
export interface ImageSource {
  /** Host, with port where it is not the scheme's own: the first component of every reference. */
  readonly registry: string;
  /** Path below the registry. */
  readonly repository: string;
  /**
   * All tags, each once, in the registry's order, without those that are not valid OCI tags or not runnable images
   * (the `sha256-<hex>` names of the referrers fallback). Digest and size are given where the listing reports them.
   * `wanted` are the tags of the prepull set so far: a list that lacks half of them or more is doubted by the source,
   * which returns it only where it has proven them absent. What it returns is taken as it is.
   */
  listTags(signal: AbortSignal, wanted?: readonly string[]): Promise<readonly RemoteTag[]>;
  /**
   * The digests of a refresh's prepull set, by tag. A tag that is proven absent is left out; one that the registry does
   * not give out has a fault; any other failure rejects the whole.
   */
  resolveTags(tags: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, RemoteTag>>;
  /** Lets calls ask at once, those under way too, whatever `Retry-After` was sent: somebody asks by hand (field case F14). */
  ignoreRetryAfter(): void;
}

/** One page of a list of nodes. */
export interface NodePage {
  readonly nodes: readonly NodeReport[];
  /** `Clock.monotonicTime` when the request for this page was sent: the report is at least as recent as that. */
  readonly observedAt: number;
}

/**
 * A change of one node, as a watch reports it. A report with another uid than the one held means that the node was created
 * again under its name. A node that no longer matches the node selector is removed, like one that was deleted.
 */
export type NodeChange =
  | { readonly type: "node.reported"; readonly node: NodeReport; readonly observedAt: number }
  | { readonly type: "node.removed"; readonly name: string; readonly uid: string; readonly observedAt: number };

/** Receives what a node source reports. Nothing is called after the signal of `follow` has aborted. */
export interface NodeListener {
  /**
   * Changes in the order in which the cluster had them: at most one for a node, its latest (a name that was used again
   * is two nodes), and at most 20 a call, so that a call's work is bounded. What comes after the first page of a list is newer than that list: it belongs on
   * what the list gathers as well as on what is shown now. Later pages hold nothing older than what was reported
   * here since the first, so both may be applied as they come. A change may come twice.
   */
  changed(changes: readonly NodeChange[]): void;
  /** The watch works again (null), or does not, with the reason. Called when that changes. */
  health(error: Error | null): void;
  /**
   * What happened meanwhile cannot be known from the watch: please call `list` soon. Asked for once for each cause,
   * with backoff where causes repeat; until then the watch stands still or goes on from where it was.
   */
  relistNeeded(): void;
}

/**
 * The cluster's nodes, restricted by the node selector (docs/spec/nodes.md). Every failure is a
 * KubernetesUnavailableError or a KubernetesDeniedError; an abort of `signal` rejects with the signal's reason.
 */
export interface NodeSource {
  /**
   * All nodes, in pages, as one consistent list. `onPage` is called for each page, in order; the promise settles when
   * the list is whole. A list that has to start over calls `onRestart` first: what was passed on before is void. The
   * watch goes on from the list's own version, so a list that has resolved must be taken over, also where the rest of
   * a refresh has failed: the changes between it and the list before do not come again. One list at a time.
   */
  list(onPage: (page: NodePage) => void, onRestart: () => void, signal: AbortSignal): Promise<void>;
  /** Follows the nodes until `signal` aborts, starting with the first page of the next list. One follower at a time. */
  follow(listener: NodeListener, signal: AbortSignal): void;
}

/**
 * Pulls images to nodes (docs/spec/prepuller.md). Before each single write (create or delete of a pod) the puller asks
 * `Leadership.mayWrite`, and writes nothing where the answer is no: then it behaves as if the pull had been released.
 */
export interface Puller {
  /**
   * Pulls one image to one node and returns how it ended, however long that takes. The name of the pod is a function of
   * node uid and digest: a live pod of that name is adopted, one that is going is waited for, one that has come to a good
   * end counts as this pull's, and any other finished or overdue one is removed first; for that it has `order.timeout`.
   * What Kubernetes answers is an outcome, refusals too; a rejection is a defect. The pod is removed before the promise
   * settles, as far as the API server allows; what is left over is found by `recover`. One pull of a pair at a time; another
   * one waits for its end.
   */
  pull(order: PullOrder, control: PullControl): Promise<PullOutcome>;
  /**
   * Why the API server would refuse the pod of this pull, whatever the node, by a dry run; null where it would take it, or
   * where that is unclear. An abort of `signal` rejects with the signal's reason (field case F21).
   */
  tryPod(order: PullOrder, signal: AbortSignal): Promise<PullFailure | null>;
  /**
   * Sees to the pods that carry our label and belong to no pull of this process: returns those that have come to a good
   * end and those that may still be pulling, removes all that are finished, overdue, or not wanted, and leaves live ones
   * that are wanted for `pull` to adopt. Called when this replica begins to lead, before the first pull, and from time to time while it leads.
   * Errors: KubernetesUnavailableError, KubernetesDeniedError; an abort of `signal` rejects with the signal's reason.
   */
  recover(isWanted: (nodeUid: string, digest: string) => boolean, signal: AbortSignal): Promise<RecoveredPulls>;
}

/** What a pull in progress is sent, and what it reports before its end. */
export interface PullControl {
  /**
   * An abort with a PullCancelledError removes the pod; with a PullReleasedError, or any other reason, nothing is
   * written. Either rejects with the signal's reason, a cancelled pull once its pod has been asked to go.
   */
  readonly signal: AbortSignal;
  /** Nobody waits for it any longer. Without a pod it rejects with a PullCancelledError; else it goes on until its end. */
  readonly withdrawn: AbortSignal;
  /** Its time is over: it ends where its end is known, or else `onStalled` is called with the reason, and it goes on. */
  readonly overdue: AbortSignal;
  /** The API server has a pod for the pull. */
  onAccepted(): void;
  onStalled(failure: PullFailure): void;
}

/** Which of several replicas prepulls; without leader election this one always does. */
export interface Leadership {
  /**
   * Reports at once whether this replica leads, and then each change, until `signal` aborts (which releases the lease).
   * `mayWrite` is false already when the loss is reported. `onShared` is called with the name of another installation that has
   * acquired the lease, and with null when it names none any longer. One follower at a time.
   */
  follow(onChange: (leading: boolean) => void, signal: AbortSignal, onShared?: (instance: string | null) => void): void;
  /**
   * Whether this replica holds the lease at this very moment by the monotonic clock; false from the renew deadline on,
   * also where the process was suspended beyond it and the loss is not reported yet.
   */
  mayWrite(): boolean;
}

/** Whose token it is that a caller shows. */
export interface TokenReviewer {
  /**
   * Returns the user name of a token; null where it is not authenticated, or not for our audience. Errors:
   * KubernetesUnavailableError, KubernetesDeniedError; an abort of `signal` rejects with the signal's reason.
   */
  review(token: string, signal: AbortSignal): Promise<string | null>;
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
  /** The cause was observed to be over, by what `why` says: the next alert of this key is news again. */
  clear(key: string, why: string): void;
  /** The cause is no longer observed here, whether it lasts or not: nobody may conclude that it is over. */
  forget(key: string): void;
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

/** Health of one source of the snapshot, as the status shows it. */
export interface SourceState extends NamedSource {
  readonly ok: boolean;
  /** Why it is not ok, written for an operator. Where it is ok: the tags that it does not give out; else empty. */
  readonly reason: string;
  /** Milliseconds since the epoch, null before the first success. */
  readonly lastSuccessTime: number | null;
  /** When the refresh began that waits for this source, where it has for some seconds (field case F15); milliseconds since the epoch. */
  readonly refreshingSince?: number;
}

/** Read access to the image state. Everything is synchronous and cheap: a look-up never waits for a refresh. */
export interface StateReader {
  /** Random id of this process. */
  readonly epoch: string;
  /** The current snapshot; null before the first refresh has succeeded. */
  current(): Snapshot | null;
  /** The snapshot of a generation that a page token names, if it is current or was kept; null when it is gone. */
  kept(generation: number): Snapshot | null;
  /** Asks that the snapshot outlives its replacement by the time a page token is good for (60 s). */
  keep(snapshot: Snapshot): void;
  /** One entry a source, always both. */
  sources(): readonly SourceState[];
  /** Why the snapshot may be out of date, without ages; null where every source is ok. */
  staleReason(): string | null;
  /** What the configuration asks for and cannot be had: by the snapshot, and by the built-in prepuller as of now. */
  problems(snapshot: Snapshot): readonly Problem[];
  /**
   * The work on images that nodes lack. The same call gives the same object while nothing has changed; a node's list that
   * is as it was is the same array, and an entry of it the same object.
   */
  progress(): WorkByNode;
  /**
   * Calls `listener` after the snapshot, the progress or the health of a source has changed, possibly many times in a
   * row: it must not throw and should return at once. Returns an unsubscribe function.
   */
  onChange(listener: () => void): () => void;
}

/** Why the data were refreshed, as the wait gate reports it. */
export type RefreshCause = "STARTUP" | "SCHEDULED" | "REQUESTED" | "NODES_CHANGED" | "REGISTRY_NOTIFIED";

/** One message of a wait gate: a data refresh has happened. */
export interface GateMessage {
  readonly cause: RefreshCause;
  /** Further data refreshes that this message stands for, since the caller's last one. */
  readonly coalesced: number;
}

/** What a caller of a wait gate asks for (docs/spec/refresh.md, docs/spec/api.md `WaitForRefresh`). */
export interface GateRequest {
  readonly gate: string;
  /** Empty where the caller names none. */
  readonly holder: string;
  /** Whose share of the gates this one counts for: a network address. */
  readonly peer: string;
  /** Where the caller was, or null: then the gate's memory decides. */
  readonly resume: { readonly epoch: string; readonly afterGeneration: number } | null;
}

/** The caller's side of a wait gate. */
export interface GateCaller {
  /** One message; the next comes only after `GateSession.ready`. */
  deliver(message: GateMessage): void;
  /** The session is over: GateTakenOverError or ShuttingDownError. Nothing follows. */
  end(error: LabImagesError): void;
}

/** One caller's hold on a gate. */
export interface GateSession {
  /** The transport has taken the last message: the next may come. */
  ready(): void;
  /** The caller has gone. Idempotent. */
  close(): void;
}

/** One report of an outside prepuller (docs/spec/api.md `ReportPrepull`). */
export interface PrepullReport {
  readonly digest: string;
  readonly node: string;
  readonly state: PrepullState;
  /** Empty where there is none. */
  readonly reason: string;
  /** Empty where there is none. */
  readonly message: string;
  /** Of a failure; null for other states. */
  readonly failureClass: PullFailureClass | null;
}

/** What may be asked of the running service. Failures are LabImagesErrors. */
export interface ImageCommands {
  /**
   * The image of a tag that the snapshot knows without digest, asked for at the registry now; not kept. `peer` is whose
   * share of such look-ups it counts for. Errors: UnknownImageError, RegistryUnavailableError, RegistryDeniedError.
   */
  resolveAtRegistry(
    snapshot: Snapshot,
    named: { readonly source: string; readonly tag: string },
    peer: string,
    signal: AbortSignal,
  ): Promise<ResolvedImage>;
  /** Marks the image of this digest as pulled to the node; false where there is nothing to mark. */
  markPrepulled(digest: string, node: string): boolean;
  /**
   * Takes an outside prepuller's report of its work on one image on one node; SUCCEEDED is a mark. False where there is
   * nothing to report on: the node does not lack the image, or (all but SUCCEEDED) the built-in prepuller is on.
   */
  reportPrepull(report: PrepullReport): boolean;
  /** Settles when a refresh that started after this call has finished; rejects with that refresh's error. */
  refresh(cause: "REQUESTED" | "REGISTRY_NOTIFIED", signal: AbortSignal): Promise<void>;
  /** Attaches a caller to a gate. Errors: GateBusyError, TooManyGatesError, ShuttingDownError. */
  waitForRefresh(request: GateRequest, caller: GateCaller): GateSession;
}
