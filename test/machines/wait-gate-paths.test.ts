import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createActor } from "xstate";
import { getShortestPaths } from "xstate/graph";
import { type WaitGateEvent, waitGateMachine } from "../../src/machines/wait-gate.ts";
import type { GateCaller } from "../../src/ports.ts";

/** What callers get: a message that stands for some openings, or the end of their session. */
type Heard = readonly [caller: GateCaller, what: number | "taken-over"];

const heard: Heard[] = [];

function newCaller(): GateCaller {
  const caller: GateCaller = {
    deliver: ({ coalesced }) => void heard.push([caller, coalesced + 1]),
    end: ({ reason }) => void heard.push([caller, reason === "GATE_TAKEN_OVER" ? "taken-over" : 0]),
  };
  return caller;
}

const CALLERS = { a1: newCaller(), a2: newCaller(), none: newCaller(), resuming: newCaller(), foreign: newCaller() };

/** The gate by the letter of docs/spec/refresh.md: a count of what is to be told, and who holds it. */
interface Model {
  unreported: number;
  /** Openings in the message that the transport has not taken; null where there is no such message. */
  outstanding: number | null;
  caller: GateCaller | null;
  holder: string;
}

const EVENTS: readonly WaitGateEvent[] = [
  { type: "gate.opened", generation: 1, cause: "SCHEDULED" },
  { type: "caller.attached", caller: CALLERS.a1, holder: "a", resumeAfter: undefined },
  { type: "caller.attached", caller: CALLERS.a2, holder: "a", resumeAfter: undefined },
  { type: "caller.attached", caller: CALLERS.none, holder: "", resumeAfter: undefined },
  { type: "caller.attached", caller: CALLERS.resuming, holder: "b", resumeAfter: 1 },
  { type: "caller.attached", caller: CALLERS.foreign, holder: "b", resumeAfter: null },
  ...Object.values(CALLERS).flatMap((caller): WaitGateEvent[] => [
    { type: "caller.ready", caller },
    { type: "caller.detached", caller },
  ]),
];

function attach(model: Model, event: Extract<WaitGateEvent, { type: "caller.attached" }>): readonly Heard[] {
  const held = model.caller;
  if (held !== null && (event.holder === "" || event.holder !== model.holder)) return [];
  model.unreported += model.outstanding ?? 0;
  model.outstanding = null;
  if (event.resumeAfter === null) model.unreported = Math.max(1, model.unreported);
  // All openings of this test have generation 1, which is what the caller names that resumes.
  if (event.resumeAfter === 1) model.unreported = 0;
  model.caller = event.caller;
  model.holder = event.holder;
  return held === null ? [] : [[held, "taken-over"]];
}

function follow(model: Model, event: WaitGateEvent): readonly Heard[] {
  const expected: Heard[] = [];
  if (event.type === "gate.opened") model.unreported += 1;
  if (event.type === "caller.attached") expected.push(...attach(model, event));
  if (event.type === "caller.ready" && event.caller === model.caller) model.outstanding = null;
  if (event.type === "caller.detached" && event.caller === model.caller) {
    model.unreported += model.outstanding ?? 0;
    model.outstanding = null;
    model.caller = null;
    model.holder = "";
  }
  if (model.caller !== null && model.outstanding === null && model.unreported > 0) {
    expected.push([model.caller, model.unreported]);
    model.outstanding = model.unreported;
    model.unreported = 0;
  }
  return expected;
}

/** Every state that the gate can be in with at most two openings to tell, and a shortest way there. */
function allPaths() {
  return getShortestPaths(waitGateMachine, {
    input: { name: "main", lastOpening: null },
    events: [...EVENTS],
    stopWhen: ({ context }) => context.openings + context.sending > 2,
    serializeState: ({ value, context }) =>
      JSON.stringify([
        value,
        { ...context, caller: Object.entries(CALLERS).find(([, caller]) => caller === context.caller)?.[0] },
      ]),
  });
}

test("on every path, and after every further event, callers hear what the model says", () => {
  const paths = allPaths();
  let checked = 0;
  for (const { steps } of paths) {
    const events = steps.flatMap(({ event }) => EVENTS.filter((one) => one === event));
    for (const last of EVENTS) {
      heard.length = 0;
      const actor = createActor(waitGateMachine, { input: { name: "main", lastOpening: null } }).start();
      const model: Model = { unreported: 0, outstanding: null, caller: null, holder: "" };
      for (const event of [...events, last]) {
        const expected = follow(model, event);
        actor.send(event);
        assert.deepEqual(heard.splice(0), expected, JSON.stringify([...events, last]));
        assert.equal(actor.getSnapshot().context.caller, model.caller);
      }
      checked += 1;
    }
  }
  assert.ok(paths.length > 30, `${paths.length} paths`);
  assert.ok(checked > 400);
});

test("every opening is delivered and taken once, or is still to be delivered, whoever comes and goes", () => {
  const withoutResume = EVENTS.filter((event) => event.type !== "caller.attached" || event.resumeAfter === undefined);
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...withoutResume), { maxLength: 60 }), (events) => {
      /** The message that the transport has not taken. */
      const out: { caller: GateCaller; openings: number }[] = [];
      let opened = 0;
      let taken = 0;
      const actor = createActor(waitGateMachine, { input: { name: "main", lastOpening: null } }).start();
      heard.length = 0;
      for (const event of events) {
        const { caller: holding, holder } = actor.getSnapshot().context;
        if (event.type === "gate.opened") opened += 1;
        const [message] = out;
        if (event.type === "caller.ready" && message?.caller === event.caller) {
          taken += message.openings;
          out.length = 0;
        }
        const isLost = event.type === "caller.attached" ? holder !== "" && event.holder === holder : false;
        if (isLost || (event.type === "caller.detached" && event.caller === holding)) out.length = 0;
        actor.send(event);
        for (const [to, message] of heard.splice(0)) {
          if (message === "taken-over") continue;
          assert.equal(out.length, 0, "one message at most is out");
          out.push({ caller: to, openings: message });
        }
        const { openings, caller } = actor.getSnapshot().context;
        assert.equal(taken + (out[0]?.openings ?? 0) + openings, opened);
        if (caller !== null && openings > 0) assert.equal(out.length, 1, "a caller that is ready is told");
      }
    }),
  );
});
