import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { type RawConnection, rawHttp } from "./support/raw-http.ts";
import { startHttp } from "./support/running-server.ts";

const HOST = "Host: localhost\r\n";
const REQUESTS: readonly (readonly [what: string, request: string, status: number])[] = [
  ["a request for a tunnel", `CONNECT localhost:443 HTTP/1.1\r\n${HOST}\r\n`, 405],
  ["a request for another protocol", `GET /livez HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n`, 200],
  ["what is no HTTP", "\u0016\u0003\u0001\r\n\r\n", 400],
];

type Reset = (connection: RawConnection, request: string, status: number) => Promise<void>;

const RESETS: readonly (readonly [when: string, reset: Reset])[] = [
  [
    "at once",
    async ({ socket }, request) => {
      await new Promise((sent) => socket.write(request, sent));
      socket.resetAndDestroy();
    },
  ],
  [
    "after the response",
    async ({ socket, statuses }, request, status) => {
      socket.write(request);
      await eventually(() => assert.deepEqual(statuses(), [status]), { everyMs: 1 });
      socket.resetAndDestroy();
    },
  ],
  [
    "while it sends more",
    async ({ socket }, request) => {
      await new Promise((sent) => socket.write(request + "x".repeat(1_000_000), sent));
      socket.resetAndDestroy();
    },
  ],
];

describe("F60: a peer over HTTP that resets its connection does not end the process", () => {
  for (const [what, request, status] of REQUESTS) {
    for (const [when, reset] of RESETS) {
      test(`${what}, ${when}`, async (context) => {
        const { port } = await startHttp(context);
        const open = await Promise.all(Array.from({ length: 20 }, () => rawHttp(context, port)));
        await Promise.all(open.map((connection) => reset(connection, request, status)));
        const late = await rawHttp(context, port);
        late.socket.write(`GET /livez HTTP/1.1\r\n${HOST}\r\n`);
        await eventually(() => assert.deepEqual(late.statuses(), [200]));
      });
    }
  }

  test("a tunnel that is refused is closed, also where its peer keeps its own end open", async (context) => {
    const { port } = await startHttp(context);
    const { socket, statuses } = await rawHttp(context, port);
    socket.allowHalfOpen = true;
    socket.write(`CONNECT localhost:443 HTTP/1.1\r\n${HOST}\r\n`);
    await eventually(() => assert.deepEqual(statuses(), [405]));
    await eventually(() => {
      socket.write("x");
      assert.equal(socket.destroyed, true);
    });
  });
});
