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

const LISTS = 30;
const MENUS = 400;

/** A server with room for about eleven lists of about 90 kB that are not taken, which knows the sizes of its responses. */
async function start(context: Parameters<typeof startServer>[0]) {
  const state = fakeState(snapshotOf(1, { images: weeklies(300) }));
  const running = await startServer(context, {
    state,
    limits: { unsentBytes: 1_024 * 1_024, callsPerConnection: 3_000 },
  });
  await ask(running.client, running.client.ListImages, {});
  await ask(running.client, running.client.GetMenu, {});
  return running;
}

function calls(from: number, count: number, method: string): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => callFrames(streamId(from + index), method)));
}

/** The streams whose responses have begun. */
function begun({ frames }: HandmadePeer): ReadonlySet<number> {
  return new Set(frames.filter(({ type }) => type === FRAME.HEADERS).map(({ stream }) => stream));
}

describe("F60: what waits for room behind a longer message of its connection", () => {
  test("leaves at once where there is room for it", async (context) => {
    const { port } = await start(context);
    const peer = await handmadePeer(context, port, { window: 16_384 });
    peer.write(frame(FRAME.WINDOW_UPDATE, 0, 0, Buffer.from([0x7f, 0, 0, 0])), calls(0, LISTS, "ListImages"));
    await eventually(() => assert.ok(begun(peer).size >= 11));
    peer.write(calls(LISTS, 1, "GetMenu"));
    await eventually(() => assert.deepEqual(endedStreams(peer), [streamId(LISTS)]));
  });

  test("leaves as soon as there is room for it", async (context) => {
    const { port } = await start(context);
    const peer = await handmadePeer(context, port, { window: 0 });
    peer.write(calls(0, LISTS, "ListImages"));
    await eventually(() => assert.ok(begun(peer).size >= 11));
    peer.write(calls(LISTS, MENUS, "GetMenu"));
    const menus = Array.from({ length: MENUS }, (_, index) => streamId(LISTS + index));
    await eventually(() => assert.ok(menus.some((stream) => begun(peer).has(stream))));
    const last = menus.at(-1) ?? 0;
    const reset = new Set<number>();
    await eventually(() => {
      const answered = begun(peer);
      for (const stream of menus) {
        if (!answered.has(stream) || reset.has(stream)) continue;
        reset.add(stream);
        peer.write(frame(FRAME.RST_STREAM, 0, stream, Buffer.from([0, 0, 0, 8])));
      }
      assert.ok(begun(peer).has(last));
    });
  });
});
