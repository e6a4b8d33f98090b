import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { eventually } from "./eventually.ts";
import { type Fault, startFaultProxy } from "./fault-proxy.ts";

/** A peer that answers every byte with itself, and remembers what it was sent. */
async function startEcho(): Promise<{ server: Server; port: number; received: () => number; close(): Promise<void> }> {
  let received = 0;
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("data", (chunk: Buffer) => {
      received += chunk.length;
      socket.write(chunk);
    });
    socket.on("end", () => socket.end());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    server,
    port: (server.address() as AddressInfo).port,
    received: () => received,
    async close() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

interface Talk {
  readonly socket: Socket;
  text(): string;
  /** How the connection ended for the client: "end" by FIN, an error's code, or null while it is open. */
  ended(): string | null;
}

function talkTo(port: number): Talk {
  let text = "";
  let ended: string | null = null;
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1");
  });
  socket.on("end", () => {
    ended ??= "end";
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    ended ??= error.code ?? "unknown";
  });
  return { socket, text: () => text, ended: () => ended };
}

describe("fault proxy", () => {
  let echo: Awaited<ReturnType<typeof startEcho>>;
  before(async () => {
    echo = await startEcho();
  });
  after(() => echo.close());

  async function withProxy(
    fault: Fault | null,
    run: (talk: Talk, proxy: Awaited<ReturnType<typeof startFaultProxy>>) => Promise<void>,
  ): Promise<void> {
    const proxy = await startFaultProxy({ host: "127.0.0.1", port: echo.port });
    proxy.setFault(fault);
    const talk = talkTo(proxy.port);
    try {
      await run(talk, proxy);
    } finally {
      talk.socket.destroy();
      await proxy.close();
    }
  }

  it("passes bytes and ends on while nothing is wrong", async () => {
    await withProxy(null, async (talk, proxy) => {
      talk.socket.end("hello");
      await eventually(() => assert.equal(talk.ended(), "end"));
      assert.equal(talk.text(), "hello");
      assert.equal(proxy.connections, 1);
      await eventually(() => assert.equal(proxy.open, 0));
    });
  });

  it("passes on more than it is willing to hold", async () => {
    await withProxy(null, async (talk) => {
      talk.socket.end(Buffer.alloc(3_000_000, 0x61));
      await eventually(() => assert.equal(talk.text().length, 3_000_000));
    });
  });

  it("delays answers, and keeps their order", async () => {
    await withProxy({ kind: "latency", milliseconds: 80 }, async (talk) => {
      await once(talk.socket, "connect");
      const started = performance.now();
      talk.socket.write("one ");
      talk.socket.end("two");
      await eventually(() => assert.equal(talk.text(), "one two"));
      assert.ok(performance.now() - started >= 75);
      await eventually(() => assert.equal(talk.ended(), "end"));
    });
  });

  it("refuses by reset, and lets later connections through once healed", async () => {
    await withProxy({ kind: "refuse" }, async (talk, proxy) => {
      talk.socket.write("x");
      await eventually(() => assert.match(talk.ended() ?? "", /ECONNRESET|EPIPE/));
      proxy.setFault(null);
      const again = talkTo(proxy.port);
      again.socket.end("y");
      await eventually(() => assert.equal(again.text(), "y"));
      assert.equal(proxy.connections, 2);
    });
  });

  it("swallows everything while half-open, without an end", async () => {
    await withProxy({ kind: "half-open" }, async (talk, proxy) => {
      const before = echo.received();
      talk.socket.write("into the void");
      const other = talkTo(proxy.port);
      await eventually(() => assert.equal(proxy.open, 2));
      proxy.setFault(null);
      const healthy = talkTo(proxy.port);
      healthy.socket.write("seen");
      await eventually(() => assert.equal(healthy.text(), "seen"));
      assert.equal(talk.text(), "");
      assert.equal(talk.ended(), null);
      assert.equal(echo.received() - before, "seen".length);
      for (const { socket } of [other, healthy]) socket.destroy();
    });
  });

  it("befalls open connections where the fault says so, and only then", async () => {
    await withProxy(null, async (talk, proxy) => {
      talk.socket.write("a");
      await eventually(() => assert.equal(talk.text(), "a"));
      proxy.setFault({ kind: "half-open" });
      talk.socket.write("b");
      await eventually(() => assert.equal(talk.text(), "ab"));
      proxy.setFault({ kind: "truncate", afterBytes: 1, applyToOpen: true });
      talk.socket.write("cd");
      await eventually(() => assert.equal(talk.ended(), "end"));
      assert.equal(talk.text(), "abc");
    });
  });

  it("resets open connections on a refusal that applies to them", async () => {
    await withProxy(null, async (talk, proxy) => {
      talk.socket.write("a");
      await eventually(() => assert.equal(talk.text(), "a"));
      proxy.setFault({ kind: "refuse", applyToOpen: true });
      await eventually(() => assert.equal(talk.ended(), "ECONNRESET"));
    });
  });

  it("lets answers drip", async () => {
    await withProxy({ kind: "drip", bytesPerSecond: 500 }, async (talk) => {
      const started = performance.now();
      talk.socket.end("d".repeat(50));
      await eventually(() => assert.equal(talk.text().length, 50));
      assert.ok(performance.now() - started >= 60);
    });
  });

  it("truncates with a FIN and resets with an RST after the configured number of bytes", async () => {
    await withProxy({ kind: "truncate", afterBytes: 3 }, async (talk) => {
      talk.socket.write("truncate");
      await eventually(() => assert.equal(talk.ended(), "end"));
      assert.equal(talk.text(), "tru");
    });
    await withProxy({ kind: "reset", afterBytes: 3 }, async (talk) => {
      talk.socket.write("rst");
      await eventually(() => assert.equal(talk.text(), "rst"));
      talk.socket.write("more");
      await eventually(() => assert.equal(talk.ended(), "ECONNRESET"));
      assert.equal(talk.text(), "rst");
    });
  });

  it("cuts all open connections at once", async () => {
    await withProxy(null, async (talk, proxy) => {
      const other = talkTo(proxy.port);
      for (const { socket } of [talk, other]) socket.write("x");
      await eventually(() => assert.equal(proxy.open, 2));
      await eventually(() => assert.equal(talk.text() + other.text(), "xx"));
      proxy.cutAll();
      await eventually(() => assert.deepEqual([talk.ended(), other.ended()], ["ECONNRESET", "ECONNRESET"]));
      assert.equal(proxy.open, 0);
    });
  });

  it("resets the client when nobody listens at the target", async () => {
    const proxy = await startFaultProxy({ host: "127.0.0.1", port: 1 });
    const talk = talkTo(proxy.port);
    await eventually(() => assert.equal(talk.ended(), "ECONNRESET"));
    await proxy.close();
  });
});
