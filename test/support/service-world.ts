import type { LabImagesError } from "../../src/domain/errors.ts";
import type { NodeReport } from "../../src/domain/nodes/node-report.ts";
import type { RemoteTag } from "../../src/domain/tags/remote-tag.ts";
import type { CoordinatorEmitted } from "../../src/machines/coordinator.ts";
import type { GateCaller, GateRequest, GateSession, NodeListener, RefreshCause } from "../../src/ports.ts";
import { createImageService } from "../../src/service/image-service.ts";
import {
  imageSettings,
  listing,
  nodeReport,
  nodeRules,
  REPOSITORY,
  resolved,
  serviceOf,
  sourceOf,
} from "./image-world.ts";
import { logLines } from "./log-lines.ts";
import { manualClock } from "./manual-clock.ts";

/** Random id of the process, as the tests have it. */
export const EPOCH = "epoch-1";
/** Milliseconds between two refreshes. */
export const INTERVAL = 300_000;

/** A way to hold a source's answer back until the test lets it go. */
interface Gateway {
  /** Answers wait from now on. */
  hold(): void;
  /** The answers that wait go on, and those that follow do not wait. */
  release(): void;
  pass(signal: AbortSignal): Promise<void>;
  /** How many answers wait. */
  readonly waiting: number;
}

function gateway(): Gateway {
  let held: PromiseWithResolvers<void> | null = null;
  let waiting = 0;
  return {
    hold() {
      held ??= Promise.withResolvers();
    },
    release() {
      held?.resolve();
      held = null;
    },
    async pass(signal) {
      if (held === null) return;
      waiting += 1;
      const aborted = Promise.withResolvers<never>();
      const onAbort = (): void => aborted.reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      try {
        await Promise.race([held.promise, aborted.promise]);
      } finally {
        waiting -= 1;
        signal.removeEventListener("abort", onAbort);
      }
    },
    get waiting() {
      return waiting;
    },
  };
}

/** A registry at the port, in the test's hands. */
function registryPort() {
  const listed = gateway();
  return {
    ...REPOSITORY,
    listed,
    tags: listing(["w_2077_43", "a"], ["w_2077_42", "b"], ["w_2077_41"]),
    later: [] as readonly RemoteTag[],
    fault: null as Error | null,
    asked: [] as (readonly string[])[],
    /** How often it was listed, with or without success. */
    listings: 0,
    async listTags(signal: AbortSignal) {
      this.listings += 1;
      await listed.pass(signal);
      if (this.fault !== null) throw this.fault;
      return this.tags;
    },
    pausesIgnored: 0,
    ignoreRetryAfter() {
      this.pausesIgnored += 1;
    },
    async resolveTags(tags: readonly string[]) {
      this.asked.push(tags);
      return resolved(this.later);
    },
  };
}

/** A cluster at the port, in the test's hands. */
function clusterPort(now: () => number) {
  const listed = gateway();
  return {
    listed,
    nodes: [nodeReport("n1")] as readonly NodeReport[],
    fault: null as Error | null,
    restarts: 0,
    listener: null as NodeListener | null,
    async list(
      onPage: (page: { nodes: readonly NodeReport[]; observedAt: number }) => void,
      onRestart: () => void,
      signal: AbortSignal,
    ) {
      const observedAt = now();
      for (let restart = 0; restart < this.restarts; restart++) {
        onPage({ nodes: [nodeReport("void")], observedAt });
        onRestart();
      }
      const { nodes } = this;
      await listed.pass(signal);
      if (this.fault !== null) throw this.fault;
      for (const node of nodes) onPage({ nodes: [node], observedAt });
    },
    follow(listener: NodeListener, signal: AbortSignal) {
      this.listener = listener;
      signal.addEventListener("abort", () => {
        this.listener = null;
      });
    },
  };
}

/** In so many slices at most the little work of these tests is done, also on a slow machine. */
const SLICES = 10;

/** The name of the second source of a service, where it has one. */
export const OTHER = "other";

interface ServiceWorldOptions {
  /** Milliseconds after which a second source is due again; absent: there is no second source. */
  readonly otherInterval?: number;
}

/** A service that has started on ports in the test's hands; nothing has been waited for yet. */
export function serviceWorld({ otherInterval }: ServiceWorldOptions = {}) {
  const clock = manualClock();
  const registry = registryPort();
  const other = registryPort();
  const cluster = clusterPort(() => clock.monotonicTime());
  const logger = logLines();
  const news: CoordinatorEmitted[] = [];
  const broken: unknown[] = [];
  const lookUps: string[] = [];
  const settings = imageSettings({ numWeeklies: 2, refreshInterval: INTERVAL });
  const one = serviceOf(settings, registry);
  const others =
    otherInterval === undefined
      ? []
      : [{ catalogSource: { ...sourceOf(settings), name: OTHER }, source: other, refreshIntervalMs: otherInterval }];
  const service = createImageService({
    onGateMessage: () => undefined,
    onGateLimit: () => undefined,
    epoch: EPOCH,
    ...one,
    settings: { ...one.settings, sources: [...one.settings.sources, ...others.map(() => OTHER)] },
    sources: [...one.sources, ...others],
    nodes: cluster,
    logger,
    rules: nodeRules(),
    clock,
    random: () => 0,
    async lookUpTag(_source, tag) {
      lookUps.push(tag);
      return registry.later.find((entry) => entry.tag === tag) ?? null;
    },
    observe: (one) => news.push(one),
    onBroken: (error) => broken.push(error),
  });
  service.start();
  return {
    ...service,
    clock,
    registry,
    /** The second source, where the service has one. */
    other,
    cluster,
    logger,
    news,
    broken,
    lookUps,
    /** Lets everything happen that does not wait for time. */
    async settle() {
      // Work in slices lets the event loop turn in between, and how often depends on the machine.
      for (let turn = 0; turn < SLICES; turn++) await clock.advance(0);
    },
    demand: (
      signal = new AbortController().signal,
      cause: Exclude<RefreshCause, "STARTUP" | "SCHEDULED" | "NODES_CHANGED"> = "REQUESTED",
    ) => service.commands.refresh(cause, signal),
    attach(request: Partial<GateRequest> = {}) {
      const heard: string[] = [];
      const caller: GateCaller = {
        deliver: ({ cause, coalesced }) => heard.push(`${cause} ${coalesced}`),
        end: (error: LabImagesError) => heard.push(error.reason),
      };
      const session: GateSession = service.commands.waitForRefresh(
        { gate: "main", holder: "", peer: "10.0.0.1", resume: null, ...request },
        caller,
      );
      return { ...session, heard: () => heard.splice(0) };
    },
  };
}

/** See `serviceWorld`. */
export type ServiceWorld = ReturnType<typeof serviceWorld>;
