import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { createConnections } from "../../src/grpc/server/connections.ts";
import { eventually } from "../support/eventually.ts";

async function startListener(context: TestContext, limit: number) {
  const idle = new Set<number>();
  const connections = createConnections(limit, (socket) => {
    socket.on("error", () => undefined);
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
