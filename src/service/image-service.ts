import { NotReadyError, ShuttingDownError } from "../domain/errors.ts";
import { workOn } from "../domain/prepull/prepull-work.ts";
import { prepullProblems } from "../domain/snapshot/problems.ts";
import type { RemoteTag } from "../domain/tags/remote-tag.ts";
import type { CoordinatorEmitted } from "../machines/coordinator.ts";
import { type ImageState, isMarkable } from "../machines/image-state.ts";
import type { PrepullerContext } from "../machines/prepuller/prepuller.ts";
import { staleReason } from "../machines/source-health.ts";
import type { ImageCommands, PrepullReport, RefreshCause, StateReader } from "../ports.ts";
import { type CoordinatorActor, type CoordinatorParts, coordinatorActor } from "./coordinator-actor.ts";
import { createGates, type Gates } from "./gates.ts";
import { createProgressView, type ProgressView } from "./prepull-progress.ts";
import { createRefreshDemands, type RefreshDemands } from "./refresh-demands.ts";
import { createSnapshotCache, type SnapshotCache } from "./snapshot-cache.ts";

/** Collaborators and configuration of the service. */
export interface ImageServiceParts extends CoordinatorParts {
  /** Random id of this process. */
  readonly epoch: string;
  /** The tag as the registry has it now, or null: for tags outside the prepull set. Bounded by whoever provides it. */
  readonly lookUpTag: (source: string, tag: string, peer: string, signal: AbortSignal) => Promise<RemoteTag | null>;
  /** Receives what the coordinator emits, for logs, metrics and alerts; must not throw. */
  readonly observe: (event: CoordinatorEmitted, state: ImageState) => void;
  /** A gate has sent a message for a refresh of this cause. */
  readonly onGateMessage: (cause: RefreshCause) => void;
  /** There was no room for a gate of this peer, or it has lost one. */
  readonly onGateLimit: (peer: string) => void;
  /** The coordinator itself crashed: nothing can go on, the process has to end. */
  readonly onBroken: (error: unknown) => void;
}

/** The service: the machines, with the effects they need and the ways in. Before its start it has no snapshot. */
export interface ImageService {
  readonly reader: StateReader;
  readonly commands: ImageCommands;
  /** Starts the coordinator, the first refresh, and the node watch. */
  start(): void;
  /** Ends streams and waiting demands with ShuttingDownError, and aborts what is under way. */
  stop(): void;
}

interface Running {
  readonly parts: ImageServiceParts;
  readonly actor: CoordinatorActor;
  readonly gates: Gates;
  readonly demands: RefreshDemands;
  readonly cache: SnapshotCache;
  readonly progress: ProgressView;
  readonly listeners: Set<{ readonly call: () => void }>;
  /** Aborts when the service stops. */
  readonly stopping: AbortSignal;
}

/** The coordinator and all that depends on it; nothing runs before its start. */
export function createImageService(parts: ImageServiceParts): ImageService {
  const { clock, logger, sources } = parts;
  const controller = new AbortController();
  const stopping = controller.signal;
  const actor = coordinatorActor(parts, stopping);
  const state = () => actor.getSnapshot().context.state;
  const gates = createGates({
    epoch: parts.epoch,
    onDelivered: parts.onGateMessage,
    onLimit: parts.onGateLimit,
    onThrow: (error) => logger.error({ err: error }, "gate caller threw (bug)"),
    onCrash: (gate, error) => parts.observe({ type: "actor.crashed", actor: `gate:${gate}`, error }, state()),
  });
  const demands = createRefreshDemands({
    clock,
    stopping,
    startedRuns: () => state().startedRuns,
    request: (cause) => actor.send({ type: "refresh.requested", cause }),
    ignoreRetryAfter() {
      for (const { source } of sources) source.ignoreRetryAfter();
    },
  });
  const cache = createSnapshotCache(clock);
  const progress = createProgressView();
  const running: Running = { parts, actor, gates, demands, cache, progress, listeners: new Set(), stopping };
  actor.on("*", (event) => receive(running, event));
  notifyOfChanges(running);
  return {
    reader: stateReader(running),
    commands: imageCommands(running),
    start() {
      actor.start();
      watchNodes(running);
    },
    stop() {
      if (stopping.aborted) return;
      controller.abort();
      cache.clear();
      gates.close(new ShuttingDownError());
      demands.fail(new ShuttingDownError());
      actor.stop();
    },
  };
}

/** The coordinator emits in the order in which its effects must happen. */
function receive(running: Running, event: CoordinatorEmitted): void {
  const { parts, actor, gates, demands, cache, progress } = running;
  if (event.type === "prepuller.emitted" || event.type === "snapshot.replaced" || event.type === "actor.crashed") {
    progress.changed(actor.getSnapshot().context.state.snapshot?.table ?? null);
  }
  if (event.type === "prepuller.emitted") notify(running);
  if (event.type === "snapshot.replaced") cache.replacedBy(event.snapshot);
  if (event.type === "gates.opened") gates.open(event);
  if (event.type === "refresh.settled") demands.settle(event.run, event.error);
  parts.observe(event, actor.getSnapshot().context.state);
}

/** Most of the coordinator's events change nothing that readers see. */
function notifyOfChanges(running: Running): void {
  const { actor, parts } = running;
  let seen = actor.getSnapshot().context.state;
  actor.subscribe({
    next({ context: { state } }) {
      const isSame =
        state.snapshot === seen.snapshot &&
        state.sources === seen.sources &&
        state.refreshFaults === seen.refreshFaults;
      seen = state;
      if (!isSame) notify(running);
    },
    error: parts.onBroken,
  });
}

/** A listener that is added or removed meanwhile is notified the next time, or no longer. */
function notify({ listeners }: Running): void {
  for (const { call } of [...listeners]) call();
}

function watchNodes({ parts, actor, stopping }: Running): void {
  parts.nodes.follow(
    {
      changed: (changes) => actor.send({ type: "nodes.changed", changes }),
      health: (error) => actor.send(error === null ? { type: "watch.recovered" } : { type: "watch.failed", error }),
      relistNeeded: () => actor.send({ type: "refresh.requested", cause: "NODES_CHANGED" }),
    },
    stopping,
  );
}

function stateReader({ parts, actor, cache, progress, listeners }: Running): StateReader {
  const state = () => actor.getSnapshot().context.state;
  return {
    epoch: parts.epoch,
    current: () => state().snapshot,
    kept(generation) {
      const current = state().snapshot;
      return current?.generation === generation ? current : cache.find(generation);
    },
    keep: (snapshot) => cache.keep(snapshot),
    sources: () => state().sources,
    staleReason: () => staleReason(state()),
    problems(snapshot) {
      const prepuller = prepullerContext(actor);
      return prepuller === null
        ? snapshot.problems()
        : [...snapshot.problems(), ...prepullProblems({ ...prepuller, refusal: prepuller.state.refusal })];
    },
    progress: () => progress.read(prepullerContext(actor)?.state ?? null, state().snapshot?.table ?? null),
    onChange(call) {
      const listener = { call };
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function imageCommands(running: Running): ImageCommands {
  const { parts } = running;
  return {
    async resolveAtRegistry(snapshot, { source, tag }, peer, signal) {
      return snapshot.imageResolvedNow(tag, await parts.lookUpTag(source, tag, peer, signal), source);
    },
    markPrepulled: (digest, node) => takeReport(running, { ...SUCCESS, digest, node }),
    reportPrepull: (report) => takeReport(running, report),
    refresh: (cause, signal) => running.demands.demand(cause, signal),
    waitForRefresh(request, caller) {
      if (running.stopping.aborted) throw new ShuttingDownError();
      return running.gates.attach(request, caller);
    },
  };
}

const SUCCESS = { state: "SUCCEEDED", reason: "", message: "", failureClass: null } as const;

/**
 * SUCCEEDED marks, whoever reports it; all else is of interest only where nobody here does the work. There a mark is the end
 * of a pull too, so that it is counted like one.
 */
function takeReport({ parts, actor }: Running, report: PrepullReport): boolean {
  const { digest, node } = report;
  const { state } = actor.getSnapshot().context;
  if (state.snapshot === null) throw new NotReadyError("the first refresh has not succeeded yet");
  const isTask = parts.prepuller === undefined && isMissing(actor, node, digest);
  if (isTask) actor.send({ type: "prepull.reported", report });
  if (report.state !== "SUCCEEDED") return isTask;
  const isMark = isMarkable(state, digest, node);
  // The node's own actor has marked it by now, if there was one to do so.
  if (isMark && (!isTask || isMissing(actor, node, digest))) {
    actor.send({ type: "image.prepulled", digest, node, markedAt: parts.clock.monotonicTime() });
  }
  return isMark;
}

function isMissing(actor: CoordinatorActor, node: string, digest: string): boolean {
  const work = workOn(actor.getSnapshot().context.work, node);
  return work?.targets.some((target) => target.digest === digest) === true;
}

/** The prepuller's state; null while it restarts. */
function prepullerContext(actor: CoordinatorActor): PrepullerContext | null {
  const context = actor.getSnapshot().children["prepuller"]?.getSnapshot().context;
  return context !== undefined && "sharedWith" in context ? context : null;
}
