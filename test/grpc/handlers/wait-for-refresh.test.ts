import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GateBusyError, GateTakenOverError, ShuttingDownError, TooManyGatesError } from "../../../src/domain/errors.ts";
import type { RefreshCause } from "../../../src/ports.ts";
import { eventually } from "../../support/eventually.ts";
import { receive } from "../support/calls.ts";
import { type Attached, type FakeState, fakeState, snapshotOf } from "../support/fake-state.ts";
import { type RunningServer, startServer } from "../support/running-server.ts";

const ready = () => fakeState(snapshotOf(4, { images: [] }));

function attachedTo(state: FakeState, index = 0): Promise<Attached> {
  return eventually(() => {
    const entry = state.attached[index];
    assert.ok(entry !== undefined, "nobody has attached");
    return entry;
  });
}

function open(running: RunningServer, request: object = {}) {
  const call = running.newClient().WaitForRefresh(request);
  const headers = new Promise((resolve) => call.once("metadata", resolve));
  return { call, headers, ...receive(call) };
}

describe("WaitForRefresh", () => {
  test("passes a fresh caller on to the default gate, with headers at once", async (context) => {
    const running = await startServer(context, { state: ready() });
    const { headers } = open(running);
    await headers;
    const { request } = await attachedTo(running.state);
    assert.deepEqual(request, { gate: "prepuller", holder: "", resume: null, peer: "127.0.0.1" });
    assert.equal(running.openStreams(), 1);
  });

  test("passes on who resumes, and where", async (context) => {
    const running = await startServer(context, { state: ready() });
    open(running, { gate: "other", holder: "pod-1", epoch: "epoch-0", afterGeneration: 12 });
    const { request } = await attachedTo(running.state);
    assert.deepEqual(request, {
      gate: "other",
      holder: "pod-1",
      peer: "127.0.0.1",
      resume: { epoch: "epoch-0", afterGeneration: 12 },
    });
  });

  test("sends each message with its cause and the current state, and says when it has been taken", async (context) => {
    const running = await startServer(context, { state: ready() });
    const { messages } = open(running);
    const entry = await attachedTo(running.state);
    const causes: readonly RefreshCause[] = ["STARTUP", "SCHEDULED", "REQUESTED", "NODES_CHANGED", "REGISTRY_NOTIFIED"];
    for (const [index, cause] of causes.entries()) {
      running.state.current = snapshotOf(5 + index, { images: [] });
      entry.caller.deliver({ cause, coalesced: index });
      await eventually(() => assert.equal(entry.ready, index + 1));
    }
    await eventually(() => assert.equal(messages.length, causes.length));
    assert.deepEqual(
      messages.map(({ cause, coalesced, state }) => [cause, coalesced, state?.generation]),
      causes.map((cause, index) => [`REFRESH_CAUSE_${cause}`, index, 5 + index]),
    );
  });

  test("is notified at once when the gate has a message waiting", async (context) => {
    const state = ready();
    const session = { ready: () => undefined, close: () => undefined };
    state.overrides.waitForRefresh = (_request, caller) => {
      caller.deliver({ cause: "STARTUP", coalesced: 0 });
      return session;
    };
    const { messages } = open(await startServer(context, { state }));
    await eventually(() => assert.equal(messages[0]?.cause, "REFRESH_CAUSE_STARTUP"));
  });

  test("refuses a second caller, and says when to try again", async (context) => {
    const state = ready();
    state.overrides.waitForRefresh = ({ gate }) => {
      throw new GateBusyError(gate);
    };
    const running = await startServer(context, { state });
    const told = await open(running).ended;
    assert.deepEqual([told.code, told.reason], ["RESOURCE_EXHAUSTED", "GATE_BUSY"]);
    assert.deepEqual(told.metadata, { gate: "prepuller" });
    assert.ok((told.retrySeconds ?? 0) > 0);
    await eventually(() => assert.equal(running.openStreams(), 0));
  });

  test("refuses one gate too many", async (context) => {
    const state = ready();
    state.overrides.waitForRefresh = () => {
      throw new TooManyGatesError(16);
    };
    const told = await open(await startServer(context, { state })).ended;
    assert.deepEqual([told.code, told.reason], ["RESOURCE_EXHAUSTED", "TOO_MANY_GATES"]);
  });

  for (const [error, code] of [
    [new GateTakenOverError("prepuller"), "ABORTED"],
    [new ShuttingDownError(), "UNAVAILABLE"],
  ] as const) {
    test(`ends with ${error.reason} when the gate says so, and lets go of the gate`, async (context) => {
      const running = await startServer(context, { state: ready() });
      const { ended } = open(running);
      const entry = await attachedTo(running.state);
      entry.caller.end(error);
      const told = await ended;
      assert.deepEqual([told.code, told.reason], [code, error.reason]);
      assert.equal(entry.closed, true);
      entry.caller.deliver({ cause: "SCHEDULED", coalesced: 0 });
      entry.caller.end(error);
      await eventually(() => assert.equal(running.openStreams(), 0));
      assert.deepEqual(
        running.calls.map((call) => call.code),
        [code],
      );
    });
  }

  test("lets go of the gate when the caller cancels or its connection is gone (G2)", async (context) => {
    const running = await startServer(context, { state: ready() });
    const first = open(running);
    const cancelled = await attachedTo(running.state);
    first.call.cancel();
    await eventually(() => assert.equal(cancelled.closed, true));

    const client = running.newClient();
    receive(client.WaitForRefresh({}));
    const gone = await attachedTo(running.state, 1);
    client.close();
    const call = open(running);
    await attachedTo(running.state, 2);
    call.call.destroy();
    call.call.cancel();
    await eventually(() => assert.equal(running.state.attached[2]?.closed, true));
    assert.equal(gone.closed, false);
  });

  test("ends with the caller's deadline", async (context) => {
    const running = await startServer(context, { state: ready() });
    const call = running.client.WaitForRefresh({}, { deadline: Date.now() + 2_000 });
    const { ended } = receive(call);
    const entry = await attachedTo(running.state);
    assert.equal((await ended).code, "DEADLINE_EXCEEDED");
    await eventually(() => assert.equal(entry.closed, true));
    assert.deepEqual(
      running.calls.map(({ code }) => code),
      ["DEADLINE_EXCEEDED"],
    );
  });

  test("refuses one stream too many, and has room again when one has ended", async (context) => {
    const running = await startServer(context, { state: ready(), limits: { calls: 2 } });
    const first = open(running, { gate: "a" });
    open(running, { gate: "b" });
    await attachedTo(running.state, 1);
    const told = await open(running, { gate: "c" }).ended;
    assert.deepEqual([told.code, told.reason], ["RESOURCE_EXHAUSTED", "TOO_MANY_STREAMS"]);
    first.call.cancel();
    await eventually(() => assert.equal(running.openStreams(), 1));
    open(running, { gate: "d" });
    assert.equal((await attachedTo(running.state, 2)).request.gate, "d");
  });
});
