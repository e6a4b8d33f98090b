import { once } from "node:events";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { ask } from "./support/calls.ts";
import { fakeState, snapshotOf } from "./support/fake-state.ts";
import { callFrames, handmadePeer } from "./support/http2-frames.ts";
import { startServer } from "./support/running-server.ts";

describe("F60: a peer over gRPC that resets its connection does not end the process", () => {
  for (const [what, bytes] of [
    ["before it sends anything", Buffer.alloc(0)],
    ["after what is no HTTP/2", Buffer.from("CONNECT localhost:443 HTTP/1.1\r\n\r\n")],
    ["after a part of the preface", Buffer.from("PRI * HTTP/2.0\r\n")],
  ] as const) {
    test(what, async (context) => {
      const running = await startServer(context, { state: fakeState(snapshotOf(1, { images: [] })) });
      for (let round = 0; round < 20; round++) {
        const socket = connect(running.port, "127.0.0.1");
        socket.on("error", () => undefined);
        await once(socket, "connect");
        await new Promise((sent) => socket.write(bytes, sent));
        socket.resetAndDestroy();
      }
      await ask(running.client, running.client.GetMenu, {});
    });
  }

  test("with calls under way", async (context) => {
    const running = await startServer(context, { state: fakeState(snapshotOf(1, { images: [] })) });
    for (let round = 0; round < 20; round++) {
      const peer = await handmadePeer(context, running.port);
      peer.write(callFrames(1, "GetMenu"), callFrames(3, "WaitForRefresh"), callFrames(5, "CONNECT"));
      if (round % 2 === 0) await once(peer.socket, "data");
      peer.socket.resetAndDestroy();
    }
    await ask(running.client, running.client.GetMenu, {});
  });
});
