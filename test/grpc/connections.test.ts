import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { createConnections } from "../../src/grpc/server/connections.ts";
import { eventually } from "../support/eventually.ts";
import { ask } from "./support/calls.ts";
import { fakeState, snapshotOf } from "./support/fake-state.ts";
import { callFrames, endedStreams, handmadePeer } from "./support/http2-frames.ts";
import { keepingLogger, realClock, startServer } from "./support/running-server.ts";

async function startListener(context: TestContext, limit: number) {
  const idle = new Set<number>();
  const options = { limit, logger: keepingLogger([]), clock: realClock, onLimit: () => undefined };
  const connections = createConnections(options, (socket) => {
    const { remotePort = 0 } = socket;
    return () => idle.has(remotePort);
  });
  const port = await connections.listen({ host: "127.0.0.1", port: 0 });
  context.after(() => {
    connections.destroy();
    return connections.close();
  });
  const open = async (): Promise<Socket> => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.resume();
    await once(socket, "connect");
    return socket;
  };
  return { open, idle };
}

test("F60: where all connections are taken, the oldest of the idle ones gives way to a new one", async (context) => {
  const { open, idle } = await startListener(context, 3);
  const [first, second, third] = [await open(), await open(), await open()];
  const refused = await open();
  await once(refused, "close");
  for (const socket of [second, third]) idle.add(socket.localPort ?? 0);
  const late = await open();
  await eventually(() => assert.equal(second.closed, true));
  for (const socket of [first, third, late]) assert.equal(socket.closed, false);
});

test("F60: a peer that comes again from the same port after a reset is served, and so are others", async (context) => {
  const { port, client } = await startServer(context, { state: fakeState(snapshotOf(1, { images: [] })) });
  const first = await handmadePeer(context, port);
  const from = first.socket.localPort;
  first.write(callFrames(1, "WaitForRefresh"));
  let last = first;
  for (let round = 0; round < 10; round++) {
    last.socket.resetAndDestroy();
    await once(last.socket, "close");
    last = await handmadePeer(context, port, { fromPort: from });
    last.write(callFrames(1, "GetMenu"));
  }
  await eventually(() => assert.deepEqual(endedStreams(last), [1]));
  await ask(client, client.GetMenu, {});
});
