import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { ask } from "./support/calls.ts";
import { fakeState, snapshotOf } from "./support/fake-state.ts";
import { framed, openCall, rawConnection } from "./support/raw-http2.ts";
import { type RunningServer, startServer } from "./support/running-server.ts";

const WAIT = "/labimages.v1.ImageService/WaitForRefresh";

function start(context: Parameters<typeof startServer>[0]): Promise<RunningServer> {
  return startServer(context, { state: fakeState(snapshotOf(1, { images: [] })) });
}

async function callsGoThrough({ client }: RunningServer): Promise<void> {
  for (let round = 0; round < 20; round++) await ask(client, client.GetMenu, {});
}

describe("a client that never reads its stream (G1)", () => {
  test("is sent nothing more while the transport has not taken the last message", async (context) => {
    const running = await start(context);
    const session = rawConnection(context, running.address, { settings: { initialWindowSize: 0 } });
    const stream = openCall(session, WAIT);
    stream.end(framed(Buffer.alloc(0)));
    const entry = await eventually(() => {
      const [first] = running.state.attached;
      assert.ok(first !== undefined);
      return first;
    });
    entry.caller.deliver({ cause: "SCHEDULED", coalesced: 0 });
    await callsGoThrough(running);
    assert.equal(entry.ready, 0);

    const received: Buffer[] = [];
    stream.on("data", (bytes: Buffer) => void received.push(bytes));
    session.settings({ initialWindowSize: 65_535 });
    await eventually(() => assert.equal(entry.ready, 1));
    await eventually(() => assert.ok(Buffer.concat(received).length > 5));
  });

  test("frees the gate when it cancels", async (context) => {
    const running = await start(context);
    const session = rawConnection(context, running.address, { settings: { initialWindowSize: 0 } });
    const stream = openCall(session, WAIT);
    stream.end(framed(Buffer.alloc(0)));
    await eventually(() => assert.equal(running.state.attached.length, 1));
    running.state.attached[0]?.caller.deliver({ cause: "SCHEDULED", coalesced: 0 });
    stream.close(8);
    await eventually(() => assert.equal(running.state.attached[0]?.closed, true));
    await eventually(() => assert.equal(running.openStreams(), 0));
    assert.equal(running.state.attached[0]?.ready, 0);
  });

  test("does not keep the server from stopping", async (context) => {
    const running = await start(context);
    const session = rawConnection(context, running.address, { settings: { initialWindowSize: 0 } });
    openCall(session, WAIT).end(framed(Buffer.alloc(0)));
    await eventually(() => assert.equal(running.state.attached.length, 1));
    running.state.attached[0]?.caller.deliver({ cause: "SCHEDULED", coalesced: 0 });
    await running.server.shutdown(100);
    assert.equal(running.state.attached[0]?.closed, true);
  });
});

describe("a client that has vanished (G2)", () => {
  test("is noticed by keepalive, and its gate is free", async (context) => {
    const running = await startServer(context, {
      state: fakeState(snapshotOf(1, { images: [] })),
      limits: { keepaliveTimeMs: 50, keepaliveTimeoutMs: 50 },
    });
    const proxy = await startFaultProxy({ host: "127.0.0.1", port: running.port });
    context.after(() => proxy.close());
    const session = rawConnection(context, `127.0.0.1:${proxy.port}`);
    openCall(session, WAIT).end(framed(Buffer.alloc(0)));
    await eventually(() => assert.equal(running.state.attached.length, 1));
    proxy.setFault({ kind: "half-open", applyToOpen: true });
    await eventually(() => assert.equal(running.state.attached[0]?.closed, true));
    await eventually(() => assert.equal(running.openStreams(), 0));
  });
});
