import assert from "node:assert/strict";
import { test } from "node:test";
import { createEmptyActor, type EventFromLogic, initialTransition, transition } from "xstate";
import { getShortestPaths } from "xstate/graph";
import { KubernetesUnavailableError, RegistryUnavailableError } from "../../src/domain/errors.ts";
import { refreshMachine } from "../../src/machines/refresh.ts";
import type { RefreshCause } from "../../src/ports.ts";
import { catalogOf, imageSettings } from "../support/image-world.ts";

const NO_NODES = new KubernetesUnavailableError("no cluster");
const NO_IMAGES = new RegistryUnavailableError("no registry");
const INPUT = { parent: createEmptyActor(), interval: 300_000, random: () => 0, firstCause: "STARTUP" as const };

/** The machine without a parent: its reports are actions that can be seen. */
const machine = refreshMachine.provide({
  actions: { passOn: nothing, reportStart: nothing, reportCompletion: nothing, reportFailure: nothing },
});

function nothing(): void {
  // What would be sent to the parent is looked at from outside.
}

const EVENTS = [
  { type: "refresh.requested", cause: "REQUESTED" },
  { type: "refresh.requested", cause: "NODES_CHANGED" },
  { type: "nodes.paged", page: { nodes: [], observedAt: 0 } },
  { type: "nodes.restarted" },
  { type: "nodes.listed" },
  { type: "nodes.failed", error: NO_NODES },
  { type: "images.listed", catalogs: [catalogOf(imageSettings(), [])], failed: [] },
  { type: "images.failed", error: NO_IMAGES },
  { type: "xstate.after.interval.refresh.idle" },
  { type: "xstate.after.backoff.refresh.backingOff" },
] as const;
type RefreshEvent = (typeof EVENTS)[number];

/** The machine's type does not know the events of its own timers. */
function forMachine(event: RefreshEvent): EventFromLogic<typeof machine> {
  return event as EventFromLogic<typeof machine>;
}

/** The cycle by the letter of docs/spec/refresh.md. */
interface Model {
  mode: "refreshing" | "idle" | "backingOff";
  /** Which lists are not whole yet. */
  nodes: boolean;
  images: boolean;
  faulty: boolean;
  cause: RefreshCause;
  demanded: RefreshCause | null;
  failures: number;
}

function begin(model: Model, cause: RefreshCause): readonly string[] {
  Object.assign(model, { mode: "refreshing", nodes: true, images: true, faulty: false, cause, demanded: null });
  return ["reportStart"];
}

/** What has to be told after an event, in order. */
function follow(model: Model, event: RefreshEvent): readonly string[] {
  const { type } = event;
  if (model.mode !== "refreshing") {
    if (type === "refresh.requested") return begin(model, event.cause);
    if (model.mode === "idle") return type === "xstate.after.interval.refresh.idle" ? begin(model, "SCHEDULED") : [];
    return type === "xstate.after.backoff.refresh.backingOff" ? begin(model, model.cause) : [];
  }
  if (type === "refresh.requested") {
    model.demanded ??= event.cause;
    return [];
  }
  const isNodes = type.startsWith("nodes.");
  if (type.startsWith("xstate.") || !(isNodes ? model.nodes : model.images)) return [];
  const fails = type.endsWith(".failed");
  const told = fails ? [] : ["passOn"];
  model.faulty ||= fails;
  if (fails || type.endsWith(".listed")) {
    if (isNodes) model.nodes = false;
    else model.images = false;
  }
  return model.nodes || model.images ? told : [...told, ...end(model)];
}

function end(model: Model): readonly string[] {
  const told = model.faulty ? "reportFailure" : "reportCompletion";
  model.failures = model.faulty ? model.failures + 1 : 0;
  if (model.demanded !== null) return [told, ...begin(model, model.demanded)];
  model.mode = model.faulty ? "backingOff" : "idle";
  return [told];
}

function isOwn(type: string): boolean {
  return type === "passOn" || type.startsWith("report");
}

test("in every state, on a path to it and after every further event, the cycle does what the model says", () => {
  const paths = getShortestPaths(machine, {
    input: INPUT,
    events: EVENTS.map(forMachine),
    stopWhen: ({ context }) => context.failures > 1,
    serializeState: ({ value, context: { cause, nextCause, failures, faults } }) =>
      JSON.stringify([value, cause, nextCause, failures, faults.kubernetes !== null, faults.registry !== null]),
  });
  assert.ok(paths.length > 100, `${paths.length} paths`);
  for (const { steps } of paths) {
    const events = steps.flatMap(({ event }) => EVENTS.filter((one) => forMachine(one) === event));
    for (const last of EVENTS) {
      const model: Model = {
        mode: "idle",
        nodes: false,
        images: false,
        faulty: false,
        cause: "STARTUP",
        demanded: null,
        failures: 0,
      };
      let [state, actions] = initialTransition(machine, INPUT);
      assert.deepEqual(actions.map(({ type }) => type).filter(isOwn), begin(model, "STARTUP"));
      for (const event of [...events, last]) {
        const expected = follow(model, event);
        [state, actions] = transition(machine, state, forMachine(event));
        const where = JSON.stringify([...events, last].map(({ type }) => type));
        assert.deepEqual(actions.map(({ type }) => type).filter(isOwn), expected, where);
        assert.ok(state.matches(model.mode), where);
        assert.equal(state.context.failures, model.failures, where);
        assert.equal(state.context.cause, model.cause, where);
      }
    }
  }
});

test("leaving a wait takes its timer back", () => {
  let [state, actions] = initialTransition(machine, INPUT);
  for (const event of [EVENTS[4], EVENTS[6]]) [state, actions] = transition(machine, state, event);
  assert.ok(state.matches("idle"));
  [state, actions] = transition(machine, state, EVENTS[0]);
  assert.ok(actions.map(({ type }): string => type).includes("xstate.cancel"));
});
