import { type AnyEventObject, createActor, fromCallback } from "xstate";
import type { Catalog } from "../../src/domain/images/catalog.ts";
import { PULL_BACKOFF } from "../../src/domain/prepull/prepull-backoff.ts";
import type { PrepullWork } from "../../src/domain/prepull/prepull-work.ts";
import { type CoordinatorEmitted, type CoordinatorEvent, coordinatorMachine } from "../../src/machines/coordinator.ts";
import { prepullerMachine } from "../../src/machines/prepuller/prepuller.ts";
import { refreshMachine } from "../../src/machines/refresh.ts";
import { actorClock } from "./actor-clock.ts";
import { fakeEffect } from "./fake-effects.ts";
import {
  catalogOf,
  imageSettings,
  listing,
  nodeReport,
  nodeRules,
  type ReportContent,
  serviceSettings,
} from "./image-world.ts";
import { manualClock } from "./manual-clock.ts";

/** Milliseconds between two refreshes. */
export const INTERVAL = 300_000;
/** Two weeklies, of which `a` is the newer one. */
export const WEEKLIES = listing(["w_2077_43", "a"], ["w_2077_42", "b"]);
const SETTINGS = imageSettings({ numWeeklies: 2, refreshInterval: INTERVAL });

/** Nodes by name, with what each reports. */
export type Nodes = Readonly<Record<string, ReportContent>>;

interface CoordinatorWorldOptions {
  readonly chance?: number;
  /** Receives what is emitted, with the prepuller's work at that moment. */
  readonly onEmit?: (event: CoordinatorEmitted, work: PrepullWork | undefined) => void;
}

/** A coordinator whose effects are in the test's hands. */
export function coordinatorWorld({ chance = 0, onEmit = () => undefined }: CoordinatorWorldOptions = {}) {
  const clock = manualClock();
  const nodes = fakeEffect();
  const images = fakeEffect();
  const news: CoordinatorEmitted[] = [];
  const machine = coordinatorMachine.provide({
    actors: {
      refresh: refreshMachine.provide({ actors: { listNodes: nodes.logic, listImages: images.logic } }),
      prepuller: prepullerMachine.provide({ actors: { leadership: fromCallback<AnyEventObject>(() => undefined) } }),
    },
  });
  const actor = createActor(machine, {
    clock: actorClock(clock),
    input: {
      settings: serviceSettings(SETTINGS),
      refreshInterval: SETTINGS.refreshInterval,
      rules: nodeRules(),
      prepuller: {
        mode: "outside",
        maxConcurrentPulls: 0,
        isAdaptive: true,
        pullTimeout: 600_000,
        stuckPullTimeout: 900_000,
        backoff: PULL_BACKOFF,
        sweepInterval: 600_000,
      },
      now: () => ({ wall: clock.wallTime(), monotonic: clock.monotonicTime() }),
      random: () => chance,
    },
  });
  const errors: unknown[] = [];
  actor.subscribe({ error: (error) => errors.push(error) });
  actor.on("*", (one) => {
    const prepuller = actor.getSnapshot().children["prepuller"]?.getSnapshot().context;
    onEmit(one, prepuller !== undefined && "work" in prepuller ? prepuller.work : undefined);
    if (one.type !== "prepuller.emitted") news.push(one);
  });
  actor.start();
  const state = () => actor.getSnapshot().context.state;
  const send = (event: CoordinatorEvent) => actor.send(event);
  const page = (content: Nodes, observedAt = clock.monotonicTime()) =>
    nodes.tell({
      type: "nodes.paged",
      page: { nodes: Object.entries(content).map(([name, report]) => nodeReport(name, report)), observedAt },
    });
  return {
    clock,
    nodes,
    images,
    errors,
    news: () => news.splice(0),
    state,
    send,
    page,
    /** Brings the refresh that is under way to its end. */
    succeed(content: Nodes = {}, catalog: Catalog = catalogOf(SETTINGS, WEEKLIES)) {
      page(content);
      nodes.tell({ type: "nodes.listed" });
      images.tell({ type: "images.listed", catalogs: [catalog], failed: [] });
    },
    demand: () => send({ type: "refresh.requested", cause: "REQUESTED" }),
    report: (name: string, content: ReportContent = {}) =>
      send({
        type: "nodes.changed",
        changes: [{ type: "node.reported", node: nodeReport(name, content), observedAt: clock.monotonicTime() }],
      }),
    stop: () => actor.stop(),
  };
}
