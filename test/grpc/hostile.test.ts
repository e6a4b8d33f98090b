import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { status } from "@grpc/grpc-js";
import { eventually } from "../support/eventually.ts";
import { ask, failure, receive } from "./support/calls.ts";
import { fakeState, snapshotOf } from "./support/fake-state.ts";
import { callStatus, framed, openCall, rawConnection } from "./support/raw-http2.ts";
import { type RunningServer, type ServerChoices, startServer } from "./support/running-server.ts";

const MENU = "/labimages.v1.ImageService/GetMenu";

function start(context: Parameters<typeof startServer>[0], limits: ServerChoices["limits"] = {}) {
  return startServer(context, { state: fakeState(snapshotOf(1, { images: [] })), limits });
}

async function othersAreServed({ newClient }: RunningServer): Promise<void> {
  const client = newClient();
  assert.equal((await ask(client, client.GetMenu, {})).state?.generation, 1);
}

describe("what nobody should send (G5)", () => {
  for (const [what, bytes] of [
    ["an HTTP/1.1 request", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
    ["random bytes", randomBytes(4_096)],
    [
      "a preface and random bytes",
      Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), randomBytes(4_096)]),
    ],
  ] as const) {
    test(`${what} on the port: the connection ends, others are served`, async (context) => {
      const running = await start(context);
      const socket = connect(running.port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.resume();
      socket.write(bytes);
      await once(socket, "close");
      await othersAreServed(running);
    });
  }

  test("a connection that says nothing is cut", async (context) => {
    const running = await start(context, { keepaliveTimeMs: 30, keepaliveTimeoutMs: 30 });
    const socket = connect(running.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.resume();
    await once(socket, "close");
    await othersAreServed(running);
  });

  test("more connections than allowed are closed, those that stand go on", async (context) => {
    const running = await start(context, { connections: 2 });
    await ask(running.client, running.client.GetMenu, {});
    const second = connect(running.port, "127.0.0.1");
    await once(second, "connect");
    const third = connect(running.port, "127.0.0.1");
    third.on("error", () => undefined);
    third.resume();
    await once(third, "close");
    await ask(running.client, running.client.GetMenu, {});
    second.destroy();
    await eventually(() => othersAreServed(running));
  });

  test("a message over 64 KiB is refused", async (context) => {
    const running = await start(context);
    const request = { reference: "x".repeat(65 * 1_024) };
    const told = await failure(ask(running.client, running.client.ResolveImage, request));
    assert.equal(told.code, "RESOURCE_EXHAUSTED");
    await othersAreServed(running);
  });

  test("a length that no message has is refused before its bytes come", async (context) => {
    const running = await start(context);
    const stream = openCall(rawConnection(context, running.address), MENU);
    const front = Buffer.alloc(5);
    front.writeUInt32BE(0xffff_fff0, 1);
    stream.write(front);
    assert.equal((await callStatus(stream)).code, String(status.RESOURCE_EXHAUSTED));
    await othersAreServed(running);
  });

  test("bytes that are no message are refused without a word about them", async (context) => {
    const running = await start(context);
    const stream = openCall(rawConnection(context, running.address), MENU);
    stream.end(framed(Buffer.from([0x0a, 0xff])));
    const told = await callStatus(stream);
    assert.deepEqual(told, { code: String(status.INTERNAL), text: "Error deserializing request" });
    await othersAreServed(running);
  });

  test("unknown methods and services are UNIMPLEMENTED", async (context) => {
    const running = await start(context);
    const session = rawConnection(context, running.address);
    for (const path of [
      "/labimages.v1.ImageService/Nope",
      "/x.Y/Z",
      "/",
      "/__proto__/constructor",
      `/${"x".repeat(4_000)}`,
    ]) {
      const stream = openCall(session, path);
      stream.end(framed(Buffer.alloc(0)));
      assert.equal((await callStatus(stream)).code, String(status.UNIMPLEMENTED));
    }
    await othersAreServed(running);
  });

  test("a message in one-byte frames is answered, and so are others meanwhile", async (context) => {
    const running = await start(context);
    const stream = openCall(rawConnection(context, running.address), "/labimages.v1.ImageService/ResolveImage");
    const bytes = framed(Buffer.concat([Buffer.from([0x1a, 100]), Buffer.from("x".repeat(100))]));
    for (const byte of bytes.subarray(0, -1)) stream.write(Buffer.from([byte]));
    await othersAreServed(running);
    stream.end(bytes.subarray(-1));
    assert.equal((await callStatus(stream)).code, String(status.NOT_FOUND));
  });

  test("calls that are opened and reset at once do not keep others from being served", async (context) => {
    const running = await start(context);
    const session = rawConnection(context, running.address);
    for (let index = 0; index < 3_000 && !session.destroyed; index++) {
      const stream = openCall(session, "/labimages.v1.ImageService/WaitForRefresh");
      stream.end(framed(Buffer.alloc(0)));
      stream.close(8);
    }
    await othersAreServed(running);
    await eventually(() => assert.equal(running.openStreams(), 0));
    assert.ok(running.state.attached.every(({ closed }) => closed));
  });

  test("streams beyond the limit are refused, however many they are", async (context) => {
    const running = await start(context, { calls: 50, callsPerConnection: 2_000 });
    const client = running.newClient();
    const opened = Array.from({ length: 1_000 }, (_, index) => receive(client.WaitForRefresh({ gate: `g-${index}` })));
    let refused = 0;
    for (const { ended } of opened) {
      ended.then(({ reason }) => {
        if (reason === "TOO_MANY_STREAMS") refused++;
      }, assert.fail);
    }
    await eventually(() => assert.equal(refused, 950));
    assert.equal(running.openStreams(), 50);
    await othersAreServed(running);
  });

  test("calls beyond the limit of a connection wait, and are answered in the end", async (context) => {
    const running = await start(context, { callsPerConnection: 3 });
    const client = running.newClient();
    const answers = await Promise.all(Array.from({ length: 60 }, () => ask(client, client.GetMenu, {})));
    assert.equal(answers.length, 60);
  });
});
