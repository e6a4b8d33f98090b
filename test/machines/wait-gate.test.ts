import assert from "node:assert/strict";
import { test } from "node:test";
import { createActor } from "xstate";
import type { LabImagesError } from "../../src/domain/errors.ts";
import { type WaitGateEvent, type WaitGateInput, waitGateMachine } from "../../src/machines/wait-gate.ts";
import type { GateCaller, GateMessage, RefreshCause } from "../../src/ports.ts";

/** A gate whose callers, known by numbers, write down what they get. */
function gate(lastOpening: WaitGateInput["lastOpening"] = null) {
  const heard: string[] = [];
  const actor = createActor(waitGateMachine, { input: { name: "main", lastOpening } }).start();
  const callers = new Map<number, GateCaller>();
  let generation = lastOpening?.generation ?? 0;
  const send = (event: WaitGateEvent) => actor.send(event);
  function callerOf(id: number): GateCaller {
    const caller = callers.get(id) ?? {
      deliver: (message: GateMessage) => void heard.push(`${id} ${message.cause} ${message.coalesced}`),
      end: ({ reason }: LabImagesError) => void heard.push(`${id} ${reason}`),
    };
    callers.set(id, caller);
    return caller;
  }
  return {
    attach(id: number, holder = "", resumeAfter?: number | null) {
      const caller = callerOf(id);
      send({ type: "caller.attached", caller, holder, resumeAfter });
      if (actor.getSnapshot().context.caller !== caller) heard.push(`${id} ignored`);
    },
    ready: (id: number) => send({ type: "caller.ready", caller: callerOf(id) }),
    leave: (id: number) => send({ type: "caller.detached", caller: callerOf(id) }),
    open(cause: RefreshCause = "SCHEDULED") {
      generation += 1;
      send({ type: "gate.opened", generation, cause });
    },
    heard: () => heard.splice(0),
  };
}

test("a gate notifies its caller of each opening, and then waits for the next", () => {
  const { attach, open, ready, heard } = gate();
  attach(1);
  assert.deepEqual(heard(), []);
  open("STARTUP");
  assert.deepEqual(heard(), ["1 STARTUP 0"]);
  ready(1);
  assert.deepEqual(heard(), []);
  open("REQUESTED");
  assert.deepEqual(heard(), ["1 REQUESTED 0"]);
});

test("openings while the caller is busy collapse into one message, the latest", () => {
  const { attach, open, ready, heard } = gate();
  attach(1);
  open("STARTUP");
  open("SCHEDULED");
  open("SCHEDULED");
  open("NODES_CHANGED");
  assert.deepEqual(heard(), ["1 STARTUP 0"]);
  ready(1);
  assert.deepEqual(heard(), ["1 NODES_CHANGED 2"]);
  ready(1);
  assert.deepEqual(heard(), []);
});

test("a gate remembers openings while nobody is attached", () => {
  const { attach, open, ready, leave, heard } = gate();
  attach(1);
  leave(1);
  open();
  open("REQUESTED");
  attach(2);
  assert.deepEqual(heard(), ["2 REQUESTED 1"]);
  ready(2);
  leave(2);
  attach(3);
  assert.deepEqual(heard(), []);
});

test("an opening that the transport has not taken when its caller goes is delivered to the next one", () => {
  const { attach, open, leave, ready, heard } = gate();
  attach(1);
  open("STARTUP");
  open("SCHEDULED");
  leave(1);
  attach(2);
  assert.deepEqual(heard(), ["1 STARTUP 0", "2 SCHEDULED 1"]);
  ready(2);
  assert.deepEqual(heard(), []);
});

test("a new gate notifies its first caller of the refresh that it was made after, or waits for the first", () => {
  const made = gate({ generation: 7, cause: "SCHEDULED" });
  made.attach(1);
  assert.deepEqual(made.heard(), ["1 SCHEDULED 0"]);
  const first = gate(null);
  first.attach(1);
  assert.deepEqual(first.heard(), []);
});

test("a second caller is ignored, and does not disturb the first", () => {
  const { attach, open, heard } = gate();
  attach(1, "one");
  for (const [caller, holder] of [
    [2, ""],
    [3, "two"],
  ] as const)
    attach(caller, holder);
  assert.deepEqual(heard(), ["2 ignored", "3 ignored"]);
  open();
  assert.deepEqual(heard(), ["1 SCHEDULED 0"]);
});

test("callers without a holder never take over from each other", () => {
  const { attach, heard } = gate();
  attach(1, "");
  attach(2, "");
  assert.deepEqual(heard(), ["2 ignored"]);
});

test("a second caller that names the same holder takes over, whether the first waits or is sent to", () => {
  for (const sending of [false, true]) {
    const { attach, open, ready, heard } = gate();
    attach(1, "me");
    if (sending) open();
    heard();
    attach(2, "me");
    assert.deepEqual(heard(), sending ? ["1 GATE_TAKEN_OVER", "2 SCHEDULED 0"] : ["1 GATE_TAKEN_OVER"]);
    ready(2);
    open("REQUESTED");
    assert.deepEqual(heard(), ["2 REQUESTED 0"]);
  }
});

test("a holder's name ends with its caller", () => {
  const { attach, leave, heard } = gate();
  attach(1, "me");
  leave(1);
  attach(2, "");
  attach(3, "me");
  assert.deepEqual(heard(), ["3 ignored"]);
});

test("a caller that has been ended, ignored or never was cannot act on the gate", () => {
  const { attach, open, ready, leave, heard } = gate();
  attach(1, "me");
  attach(2, "me");
  attach(3);
  open();
  heard();
  open();
  for (const caller of [1, 3, 99]) {
    ready(caller);
    leave(caller);
  }
  attach(4);
  assert.deepEqual(heard(), ["4 ignored"]);
  ready(2);
  assert.deepEqual(heard(), ["2 SCHEDULED 0"]);
});

test("a caller of another process is notified at once, whatever the gate remembers", () => {
  const { attach, ready, leave, heard } = gate({ generation: 7, cause: "SCHEDULED" });
  attach(1);
  ready(1);
  leave(1);
  heard();
  attach(2, "", null);
  assert.deepEqual(heard(), ["2 SCHEDULED 0"]);
});

test("a caller of another process is notified at once even before the first refresh", () => {
  const { attach, heard } = gate();
  attach(1, "", null);
  assert.deepEqual(heard(), ["1 STARTUP 0"]);
});

test("a caller that saw an older generation is notified at once, one that saw the last one waits", () => {
  for (const [seen, told] of [
    [6, ["2 SCHEDULED 0"]],
    [7, []],
    [8, []],
  ] as const) {
    const { attach, ready, leave, heard } = gate({ generation: 7, cause: "SCHEDULED" });
    attach(1);
    ready(1);
    leave(1);
    heard();
    attach(2, "", seen);
    assert.deepEqual(heard(), told, `seen ${seen}`);
  }
});

test("a caller's own word goes before the gate's memory, which still counts what it stands for", () => {
  const { attach, open, heard } = gate({ generation: 7, cause: "STARTUP" });
  open("SCHEDULED");
  open("REQUESTED");
  attach(1, "", 7);
  assert.deepEqual(heard(), ["1 REQUESTED 2"]);
  const current = gate({ generation: 7, cause: "STARTUP" });
  current.attach(1, "", 7);
  assert.deepEqual(current.heard(), []);
  current.open("REQUESTED");
  assert.deepEqual(current.heard(), ["1 REQUESTED 0"]);
});
