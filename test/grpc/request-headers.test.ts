import assert from "node:assert/strict";
import output from "node:console";
import { describe, test } from "node:test";
import { clampTimeout } from "../../src/grpc/transport/request-headers.ts";
import { eventually } from "../support/eventually.ts";
import { ask, receive } from "./support/calls.ts";
import { fakeState, snapshotOf } from "./support/fake-state.ts";
import { callFrames, FRAME, handmadePeer } from "./support/http2-frames.ts";
import { startServer } from "./support/running-server.ts";

const DAY = 86_400_000;

describe("deadlines (G2)", () => {
  test("a time-out that grpc-js cannot keep is cut, others stay as they are", () => {
    for (const long of ["99999999H", "597H", "35792M", "2147484S", "99999999S"]) {
      assert.equal(clampTimeout(long), "2147483S", long);
    }
    for (const kept of ["596H", "35791M", "2147483S", "99999999m", "99999999u", "1n", "0S", "", "x", "1H2", "-1S"]) {
      assert.equal(clampTimeout(kept), kept);
    }
  });

  for (const days of [24, 25, 30, 60, 10_000]) {
    test(`a stream with a deadline in ${days} days stays open`, async (context) => {
      const { client, state } = await startServer(context, { state: fakeState(snapshotOf(1, { images: [] })) });
      const call = client.WaitForRefresh({}, { deadline: Date.now() + days * DAY });
      const { messages } = receive(call);
      await new Promise((resolve) => call.once("metadata", resolve));
      // An answer to a later call has made its way through the server while the stream's timer would have rung.
      for (let round = 0; round < 5; round++) await ask(client, client.GetMenu, {});
      assert.equal(state.attached[0]?.closed, false);
      state.attached[0]?.caller.deliver({ cause: "SCHEDULED", coalesced: 0 });
      await eventually(() => assert.equal(messages.length, 1));
      call.cancel();
    });
  }

  test("a deadline that has passed ends the call, and leaves nothing behind", async (context) => {
    const running = await startServer(context, { state: fakeState(snapshotOf(1, { images: [] })) });
    const told = await receive(running.client.WaitForRefresh({}, { deadline: Date.now() - 1_000 })).ended;
    assert.equal(told.code, "DEADLINE_EXCEEDED");
    await ask(running.client, running.client.GetMenu, {});
    assert.equal(running.openStreams(), 0);
    assert.ok(running.state.attached.every(({ closed }) => closed));
  });
});

test("F61: metadata that no handler reads is dropped before grpc-js copies it, or prints it", async (context) => {
  const { port } = await startServer(context, { state: fakeState(snapshotOf(1, { images: [] })) });
  const print = context.mock.method(output, "error");
  const peer = await handmadePeer(context, port);
  const metadata = {
    authorization: "Bearer caf\u00e9",
    "grpc-timeout": "\u00e9S",
    "x-any": "\u00e9",
    "x-bin": "\u00e9",
  };
  peer.write(callFrames(1, "GetMenu", Buffer.alloc(0), { metadata }));
  await eventually(() => assert.ok(peer.frames.some(({ type }) => type === FRAME.DATA)));
  assert.equal(print.mock.callCount(), 0);
});
