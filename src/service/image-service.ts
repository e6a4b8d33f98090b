import { NotReadyError, ShuttingDownError } from "../domain/errors.ts";
import type { RemoteTag } from "../domain/remote-tag.ts";
import type { CoordinatorNews } from "../machines/coordinator.ts";
import { type ImageState, isMarkable } from "../machines/image-state.ts";
import type { GateCaller, GateRequest, GateSession, ImageCommands, RefreshCause, StateReader } from "../ports.ts";
import { type CoordinatorActor, type CoordinatorParts, coordinatorActor } from "./coordinator-actor.ts";
import { type GateCallers, gateCallers } from "./gate-callers.ts";
import { type KeptSnapshots, keptSnapshots } from "./kept-snapshots.ts";
import { type RefreshWaiters, refreshWaiters } from "./refresh-waiters.ts";

/** What the service is made of. */
export interface ImageServiceParts extends CoordinatorParts {
  /** Random id of this process. */
  readonly epoch: string;
  /** The tag as the registry has it now, or null: for tags outside the prepull set. Bounded by whoever provides it. */
  readonly lookUpTag: (tag: string, signal: AbortSignal) => Promise<RemoteTag | null>;
  /** Told what happens, for logs, metrics and alerts; must not throw. */
  readonly onNews: (news: CoordinatorNews, state: ImageState) => void;
  /** The coordinator itself broke: nothing can go on, the process has to end. */
  readonly onBroken: (error: unknown) => void;
}

/** The running service: the machines, with the effects they need and the ways in. */
export interface ImageService {
  readonly reader: StateReader;
  readonly commands: ImageCommands;
  /** Ends streams and waiting demands with ShuttingDownError, and aborts what is under way. */
  stop(): void;
}

interface Running {
  readonly parts: ImageServiceParts;
  readonly actor: CoordinatorActor;
  readonly callers: GateCallers;
  readonly waiters: RefreshWaiters;
  readonly kept: KeptSnapshots;
  stopped: boolean;
}

/** Starts the coordinator and all that hangs on it. */
export function startImageService(parts: ImageServiceParts): ImageService {
  const callers = gateCallers((error) => parts.logger.error({ err: error }, "a caller of a wait gate broke"));
  const actor = coordinatorActor(parts, callers);
  const running: Running = { parts, actor, callers, waiters: refreshWaiters(), kept: keptSnapshots(), stopped: false };
  const following = new AbortController();
  actor.subscribe({ error: parts.onBroken });
  for (const type of [
    "refresh.started",
    "refresh.settled",
    "snapshot.replaced",
    "gates.opened",
    "actor.broke",
  ] as const) {
    actor.on(type, (news) => hear(running, news));
  }
  actor.start();
  followNodes(running, following.signal);
  return {
    reader: stateReader(running),
    commands: imageCommands(running),
    stop() {
      if (running.stopped) return;
      running.stopped = true;
      following.abort();
      callers.endAll(new ShuttingDownError());
      running.waiters.fail(new ShuttingDownError());
      actor.stop();
    },
  };
}

function hear({ parts, kept, waiters, actor }: Running, news: CoordinatorNews): void {
  if (news.type === "snapshot.replaced") kept.replaced(parts.clock.monotonicTime());
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

function stateReader({ parts, actor, kept }: Running): StateReader {
  const state = () => actor.getSnapshot().context.state;
  return {
    epoch: parts.epoch,
    current: () => state().snapshot,
    kept(generation) {
      const current = state().snapshot;
      return current?.generation === generation ? current : kept.find(generation, parts.clock.monotonicTime());
    },
    keep: (snapshot) => kept.keep(snapshot),
    sources: () => [state().sources.registry, state().sources.kubernetes],
    staleReason: () => state().refreshFault?.message ?? state().watchFault?.message ?? null,
  };
}

function imageCommands(running: Running): ImageCommands {
  const { parts, actor } = running;
  const state = () => actor.getSnapshot().context.state;
  return {
    async resolveAtRegistry(snapshot, tag, signal) {
      return snapshot.imageResolvedNow(tag, await parts.lookUpTag(tag, signal));
    },
    markPrepulled(digest, node) {
      if (state().snapshot === null) throw new NotReadyError("the first refresh has not succeeded yet");
      const applied = isMarkable(state(), digest, node);
      if (applied) {
        actor.send({ type: "image.prepulled", digest, node, markedAt: parts.clock.monotonicTime() });
      }
      return applied;
    },
    refresh: (cause, signal) => demandRefresh(running, cause, signal),
    waitForRefresh: (request, caller) => openGateSession(running, request, caller),
  };
}

/** A run that the demand starts is the one to wait for; where one is under way already, it is the one after that. */
function demandRefresh({ actor, waiters, stopped }: Running, cause: RefreshCause, signal: AbortSignal): Promise<void> {
  if (stopped) return Promise.reject(new ShuttingDownError());
  const startedRuns = () => actor.getSnapshot().context.state.startedRuns;
  const before = startedRuns();
  actor.send({ type: "refresh.requested", cause });
  return waiters.waitFor(Math.max(startedRuns(), before + 1), signal);
}

function openGateSession(running: Running, request: GateRequest, caller: GateCaller): GateSession {
  const { parts, actor, callers } = running;
  if (running.stopped) throw new ShuttingDownError();
  const { gate, holder, resume } = request;
  const id = callers.add(gate, caller);
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
