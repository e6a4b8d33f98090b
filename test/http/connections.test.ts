import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { promisify } from "node:util";
import { createHttpConnections } from "../../src/http/connections.ts";
import { createSystemClock } from "../../src/telemetry/system-clock.ts";
import { eventually } from "../support/eventually.ts";
import { rawHttp } from "./support/raw-http.ts";

test("F60: a response that is not taken in time cuts its connection", async (context) => {
  const server = createServer();
  const limited: string[] = [];
  const onLimit = (limit: string, peer: string) => void limited.push(`${limit} ${peer}`);
  const options = { maxConnections: 10, responseTimeoutMs: 200, clock: createSystemClock(), onLimit };
  const connections = createHttpConnections(server, options);
  let served = 0;
  server.on("request", (request, response) => {
    served += 1;
    if (connections.admit(request, response)) response.end(Buffer.alloc(64 * 1_024 * 1_024));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const { socket } = await rawHttp(context, port, { reads: false });
  socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const count = promisify((callback: (error: Error | null, open: number) => void) => server.getConnections(callback));
  await eventually(() => assert.equal(served, 1));
  await eventually(async () => assert.equal(await count(), 0));
  assert.deepEqual(limited, ["response_time 127.0.0.1"]);
});
