import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { ask } from "./support/calls.ts";
import { fakeState, snapshotOf } from "./support/fake-state.ts";
import {
  callFrames,
  endedStreams,
  FRAME,
  frame,
  type HandmadePeer,
  handmadePeer,
  streamId,
} from "./support/http2-frames.ts";
import { weeklies } from "./support/images.ts";
import { startServer } from "./support/running-server.ts";

const GRACE_MS = 60_000;
/** Far less than the grace, and enough for a machine with much else to do. */
const SOON_MS = 15_000;

const lists = Buffer.concat(Array.from({ length: 50 }, (_, index) => callFrames(streamId(index), "ListImages")));

describe("F69: a peer that never reads does not hold up the end", { concurrency: true }, () => {
  const peers: readonly (readonly [string, Parameters<typeof handmadePeer>[2], readonly Buffer[]])[] = [
    ["it grants no window", { window: 0 }, [lists]],
    ["it does not read its socket", { window: 0x7fff_ffff, reads: false }, [bigWindow(), lists]],
    ["it sends half a request", {}, [callFrames(1, "GetMenu", Buffer.alloc(1), { complete: false })]],
    ["it asks for nothing", {}, []],
    ["it does not speak HTTP/2 to the end", { acknowledges: false }, []],
    ["it leaves a stream unread", { window: 0 }, [callFrames(1, "WatchPrepullStatus")]],
  ];
  for (const [what, choices, bytes] of peers) {
    test(what, async (context) => {
      const state = fakeState(snapshotOf(1, { images: weeklies(300) }));
      const { server, port, client } = await startServer(context, { state });
      const peer = await handmadePeer(context, port, choices);
      peer.write(...bytes);
      for (let round = 0; round < 20; round++) await ask(client, client.GetMenu, {});
      const since = performance.now();
      await server.shutdown(GRACE_MS);
      assert.ok(performance.now() - since < SOON_MS);
      peer.socket.resume();
      await eventually(() => assert.equal(peer.closed, true));
    });
  }

  test("while a call is under way, its connection stays", async (context) => {
    const state = fakeState(snapshotOf(1, { images: weeklies(300) }));
    const begin = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    state.overrides.refresh = () => {
      begin.resolve();
      return finish.promise;
    };
    const { server, port } = await startServer(context, { state });
    const lazy: HandmadePeer = await handmadePeer(context, port, { window: 0 });
    const busy = await handmadePeer(context, port);
    lazy.write(lists);
    busy.write(callFrames(1, "Refresh"));
    await begin.promise;
    const stopped = server.shutdown(GRACE_MS);
    await eventually(() => assert.equal(lazy.closed, true));
    assert.equal(busy.closed, false);
    finish.resolve();
    await stopped;
    await eventually(() => assert.ok(busy.frames.some(({ type, stream }) => type === FRAME.DATA && stream === 1)));
    assert.deepEqual(endedStreams(busy), [1]);
  });
});

/** Lets the server send as much as it likes on the connection. */
function bigWindow(): Buffer {
  return frame(FRAME.WINDOW_UPDATE, 0, 0, Buffer.from([0x7f, 0, 0, 0]));
}
