import { CancelledError, NotReadyError, ShuttingDownError } from "../domain/errors.ts";
import { workOn } from "../domain/prepull/prepull-work.ts";
import { prepullProblems } from "../domain/snapshot/problems.ts";
import type { RemoteTag } from "../domain/tags/remote-tag.ts";
import { orAborted, pause } from "../lib/abort.ts";
import type { CoordinatorNews } from "../machines/coordinator-events.ts";
import { type ImageState, isMarkable, staleReason } from "../machines/image-state.ts";
import type { PrepullerContext } from "../machines/prepuller/prepuller-state.ts";
import type {
  GateCaller,
  GateRequest,
  GateSession,
  ImageCommands,
  PrepullReport,
  RefreshCause,
  StateReader,
} from "../ports.ts";
import { type ChangeListeners, changeListeners } from "./change-listeners.ts";
import { type CoordinatorActor, type CoordinatorParts, coordinatorActor } from "./coordinator-actor.ts";
import { type GateCallers, gateCallers } from "./gate-callers.ts";
import { type ProgressView, progressView } from "./prepull-progress.ts";
import { createRefreshPace, type RefreshPace } from "./refresh-pace.ts";
import { type RefreshWaiters, refreshWaiters } from "./refresh-waiters.ts";
import { createSnapshotCache, type SnapshotCache } from "./snapshot-cache.ts";

/** What the service is made of. */
export interface ImageServiceParts extends CoordinatorParts {
  /** Random id of this process. */
  readonly epoch: string;
  /** The tag as the registry has it now, or null: for tags outside the prepull set. Bounded by whoever provides it. */
  readonly lookUpTag: (tag: string, signal: AbortSignal) => Promise<RemoteTag | null>;
  /** Told what happens, for logs, metrics and alerts; must not throw. */
  readonly onNews: (news: CoordinatorNews, state: ImageState) => void;
  /** A gate has sent a message for a refresh of this cause. */
  readonly onGateMessage: (cause: RefreshCause) => void;
  /** The coordinator itself broke: nothing can go on, the process has to end. */
  readonly onBroken: (error: unknown) => void;
}

/** The service: the machines, with the effects they need and the ways in. Before its start it has no snapshot. */
export interface ImageService {
  readonly reader: StateReader;
  readonly commands: ImageCommands;
  /** Starts the coordinator, the first refresh, and following the nodes. */
  start(): void;
  /** Ends streams and waiting demands with ShuttingDownError, and aborts what is under way. */
  stop(): void;
}

interface Running {
  readonly parts: ImageServiceParts;
  readonly actor: CoordinatorActor;
  readonly callers: GateCallers;
  readonly waiters: RefreshWaiters;
  readonly kept: SnapshotCache;
  readonly progress: ProgressView;
  readonly listeners: ChangeListeners;
  readonly pace: RefreshPace;
  /** Aborts when the service stops. */
  readonly stopping: AbortSignal;
  /** The last run that was demanded. */
  demandedRun: number;
  /** The run for those whose demands came too fast; null where there are none. */
  pacedRun: Promise<number> | null;
  stopped: boolean;
}

/** What the coordinator emits: each kind of news goes to `hear`. */
const NEWS = [
  "refresh.started",
  "refresh.settled",
  "snapshot.replaced",
  "gates.opened",
  "prepull.told",
  "actor.broke",
] as const;

/** The coordinator and all that hangs on it; nothing runs before its start. */
export function createImageService(parts: ImageServiceParts): ImageService {
  const callers = gateCallers({
    onThrow: (error) => parts.logger.error({ err: error }, "gate caller threw (bug)"),
    onDelivered: parts.onGateMessage,
  });
  const following = new AbortController();
  const actor = coordinatorActor(parts, callers, following.signal);
  const running: Running = {
    parts,
    actor,
    callers,
    waiters: refreshWaiters(),
    kept: createSnapshotCache(parts.clock),
    progress: progressView(),
    listeners: changeListeners(),
    pace: createRefreshPace(parts.clock),
    stopping: following.signal,
    demandedRun: 0,
    pacedRun: null,
    stopped: false,
  };
  watchState(running);
  for (const type of NEWS) actor.on(type, (news) => hear(running, news));
  return {
    reader: stateReader(running),
    commands: imageCommands(running),
    start() {
      actor.start();
      followNodes(running, following.signal);
    },
    stop() {
      if (running.stopped) return;
      running.stopped = true;
      following.abort();
      running.kept.clear();
      callers.endAll(new ShuttingDownError());
      running.waiters.fail(new ShuttingDownError());
      actor.stop();
    },
  };
}

/** Readers are told when the state is another one; most of the coordinator's events change nothing that they see. */
function watchState({ parts, actor, listeners }: Running): void {
  let seen = actor.getSnapshot().context.state;
  actor.subscribe({
    next({ context: { state } }) {
      const isSame =
        state.snapshot === seen.snapshot &&
        state.sources === seen.sources &&
        state.refreshFaults === seen.refreshFaults;
      seen = state;
      if (!isSame) listeners.tell();
    },
    error: parts.onBroken,
  });
}

function hear({ parts, kept, waiters, actor, progress, listeners }: Running, news: CoordinatorNews): void {
  if (news.type === "prepull.told" || news.type === "snapshot.replaced" || news.type === "actor.broke") {
    progress.changed(actor.getSnapshot().context.state.snapshot?.table ?? null);
  }
  if (news.type === "prepull.told") listeners.tell();
  if (news.type === "snapshot.replaced") kept.replacedBy(news.snapshot);
  if (news.type === "refresh.settled") waiters.settle(news.run, news.error);
  parts.onNews(news, actor.getSnapshot().context.state);
}

function followNodes({ parts, actor }: Running, signal: AbortSignal): void {
  parts.nodes.follow(
    {
      changed: (changes) => actor.send({ type: "nodes.changed", changes }),
      health: (error) => actor.send(error === null ? { type: "watch.recovered" } : { type: "watch.failed", error }),
      relistNeeded: () => actor.send({ type: "refresh.requested", cause: "NODES_CHANGED" }),
    },
    signal,
  );
}

function stateReader({ parts, actor, kept, progress, listeners }: Running): StateReader {
  const state = () => actor.getSnapshot().context.state;
  return {
    epoch: parts.epoch,
    current: () => state().snapshot,
    kept(generation) {
      const current = state().snapshot;
      return current?.generation === generation ? current : kept.find(generation);
    },
    keep: (snapshot) => kept.keep(snapshot),
    sources: () => [state().sources.registry, state().sources.kubernetes],
    staleReason: () => staleReason(state()),
    problems(snapshot) {
      const prepuller = prepullerContext(actor);
      return prepuller === null ? snapshot.problems() : [...snapshot.problems(), ...prepullProblems(prepuller)];
    },
    progress: () => progress.read(prepullerContext(actor), state().snapshot?.table ?? null),
    onChange: (listener) => listeners.add(listener),
  };
}

function imageCommands(running: Running): ImageCommands {
  const { parts } = running;
  return {
    async resolveAtRegistry(snapshot, tag, signal) {
      return snapshot.imageResolvedNow(tag, await parts.lookUpTag(tag, signal));
    },
    markPrepulled: (digest, node) => takeReport(running, { ...SUCCESS, digest, node }),
    reportPrepull: (report) => takeReport(running, report),
    refresh: (cause, signal) => demandRefresh(running, cause, signal),
    waitForRefresh: (request, caller) => openGateSession(running, request, caller),
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
  if (isTask) actor.send({ type: "pull.reported", report });
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

/** The prepuller's state; null while it is being started anew. */
function prepullerContext(actor: CoordinatorActor): PrepullerContext | null {
  const context = actor.getSnapshot().children["prepuller"]?.getSnapshot().context;
  return context !== undefined && "actors" in context ? context : null;
}

/** Demands that come too fast wait for one refresh together; one that is still to start serves all that come before it does. */
function demandRefresh(running: Running, cause: RefreshCause, signal: AbortSignal): Promise<void> {
  const { parts, actor, waiters, pace, stopped, demandedRun } = running;
  if (stopped) return Promise.reject(new ShuttingDownError());
  if (signal.aborted) return Promise.reject(new CancelledError());
  // The registry's notifications have a pace of their own.
  if (cause !== "REQUESTED") return waiters.waitFor(startRefresh(running, cause), signal);
  if (demandedRun > actor.getSnapshot().context.state.startedRuns) {
    // It may be the registry's own notification that it joins.
    parts.source.ignoreRetryAfter();
    return waiters.waitFor(demandedRun, signal);
  }
  const waitMs = running.pacedRun === null ? pace.take() : 1;
  if (waitMs === 0) return waiters.waitFor(startRefresh(running, cause), signal);
  running.pacedRun ??= startLater(running, waitMs);
  return orAborted(running.pacedRun, signal).then((run) => waiters.waitFor(run, signal));
}

function startLater(running: Running, waitMs: number): Promise<number> {
  const started = pause(running.parts.clock, waitMs, running.stopping).then(
    () => {
      running.pacedRun = null;
      running.pace.take();
      return startRefresh(running, "REQUESTED");
    },
    () => {
      throw new ShuttingDownError();
    },
  );
  // Whoever waits has it by a promise of its own.
  started.catch(() => undefined);
  return started;
}

/** Returns the run to wait for: the one that the demand starts, or where one is under way already, the one after that. */
function startRefresh(running: Running, cause: RefreshCause): number {
  const { parts, actor } = running;
  const startedRuns = () => actor.getSnapshot().context.state.startedRuns;
  const before = startedRuns();
  // The registry's own notification does not speak against the pause that it has asked for; a person does.
  if (cause === "REQUESTED") parts.source.ignoreRetryAfter();
  actor.send({ type: "refresh.requested", cause });
  running.demandedRun = Math.max(startedRuns(), before + 1);
  return running.demandedRun;
}

function openGateSession(running: Running, request: GateRequest, caller: GateCaller): GateSession {
  const { parts, actor, callers } = running;
  if (running.stopped) throw new ShuttingDownError();
  const { gate, holder, peer, resume } = request;
  const evicted = callers.makeRoom(gate, peer);
  if (evicted !== null) actor.send({ type: "gate.detached", gate: evicted.gate, caller: evicted.id });
  const id = callers.add(gate, peer, caller);
  const resumeAfter = resume === null ? undefined : resume.epoch === parts.epoch ? resume.afterGeneration : null;
  actor.send({ type: "gate.attached", gate, caller: id, holder, resumeAfter });
  const refusal = callers.refusalOf(id);
  if (refusal !== null) throw refusal;
  return {
    ready: () => actor.send({ type: "gate.ready", gate, caller: id }),
    close() {
      callers.remove(id);
      actor.send({ type: "gate.detached", gate, caller: id });
    },
  };
}
