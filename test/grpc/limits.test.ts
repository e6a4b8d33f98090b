import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { status } from "@grpc/grpc-js";
import { collectGarbage } from "../support/collect-garbage.ts";
import { eventually } from "../support/eventually.ts";
import { manualClock } from "../support/manual-clock.ts";
import { ask, failure } from "./support/calls.ts";
import { fakeState, snapshotOf } from "./support/fake-state.ts";
import {
  callFrames,
  callHeaders,
  END_HEADERS,
  END_STREAM,
  endedStreams,
  FRAME,
  frame,
  type HandmadePeer,
  handmadePeer,
  headerBlock,
  streamId,
} from "./support/http2-frames.ts";
import { weeklies } from "./support/images.ts";
import { callStatus, openCall, rawConnection } from "./support/raw-http2.ts";
import { type RunningServer, type ServerChoices, startServer } from "./support/running-server.ts";

const MIB = 1_024 * 1_024;
const CALLS = 400;
const REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/** A server whose lists have about 90 kB, and whose refreshes never end. */
function start(context: TestContext, limits: ServerChoices["limits"] = {}): Promise<RunningServer> {
  const state = fakeState(snapshotOf(1, { images: weeklies(300) }));
  state.overrides.refresh = (_cause, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  return startServer(context, { state, limits });
}

type Measure = "arrayBuffers" | "heapUsed";

/** Bytes that are held now. */
function held(measure: Measure): number {
  collectGarbage();
  return process.memoryUsage()[measure];
}

/** Freed memory is counted as such a little later than it is collected; no time-out of a default server is as short. */
async function holdsAtMost(bytes: number, measure: Measure, before: number): Promise<void> {
  const isWithin = () => assert.ok(held(measure) - before <= bytes, `${held(measure) - before} bytes`);
  await eventually(isWithin, { withinMs: 5_000 });
}

function calls(count: number, method: string): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => callFrames(streamId(index), method)));
}

/** Others get their answers, and within a second. */
async function othersAreServed({ newClient }: RunningServer): Promise<void> {
  const client = newClient();
  for (const method of [client.GetMenu, client.ListImages]) {
    const since = performance.now();
    await ask<object, unknown>(client, method, {});
    assert.ok(performance.now() - since < 1_000);
  }
}

/** Waits until the server has read what the peer has sent: an answer to its ping comes after all that. */
async function hasRead(peer: HandmadePeer): Promise<void> {
  const pongs = () => peer.frames.filter(({ type }) => type === FRAME.PING).length;
  const before = pongs();
  peer.write(frame(FRAME.PING, 0, 0, Buffer.alloc(8)));
  await eventually(() => assert.ok(pongs() > before));
}

describe("F60: what peers do not take", () => {
  test("holds at most the bytes that may wait, and others are answered within a second", async (context) => {
    const running = await start(context, { unsentBytes: 2 * MIB });
    await othersAreServed(running);
    const peer = await handmadePeer(context, running.port, { window: 0 });
    const before = held("arrayBuffers");
    peer.write(calls(CALLS, "ListImages"));
    await hasRead(peer);
    // Without the limit: 400 messages of 90 kB are 36 MB.
    await holdsAtMost(4 * MIB, "arrayBuffers", before);
    assert.equal(
      peer.frames.some(({ type }) => type === FRAME.HEADERS),
      true,
    );
    await othersAreServed(running);
  });

  test("a peer that reads gets all of its answers, however many it asks for at once", async (context) => {
    const running = await start(context, { unsentBytes: MIB });
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => ask(running.client, running.client.ListImages, {})),
    );
    assert.ok(answers.every(({ images }) => images?.length === 300));
  });

  test("ends its call when the time to take it is over", async (context) => {
    const running = await start(context, { responseTimeout: 100 });
    const peer = await handmadePeer(context, running.port, { window: 0 });
    peer.write(calls(3, "ListImages"));
    await eventually(() =>
      assert.deepEqual(
        [...endedStreams(peer)].sort((a, b) => a - b),
        [1, 3, 5],
      ),
    );
    assert.equal(peer.closed, false);
    assert.deepEqual(running.limited, Array(3).fill("response_time 127.0.0.1"));
  });

  test("does not stay for a peer whose socket is stuck either", async (context) => {
    const running = await start(context, { keepaliveTimeMs: 100, keepaliveTimeoutMs: 100, unsentBytes: 4 * MIB });
    const peer = await handmadePeer(context, running.port, { window: 0x7fff_ffff, reads: false });
    peer.write(frame(FRAME.WINDOW_UPDATE, 0, 0, Buffer.from([0x7f, 0, 0, 0])), calls(CALLS, "ListImages"));
    await eventually(() => assert.ok(running.calls.length > 0));
    await othersAreServed(running);
    peer.socket.resume();
    await eventually(() => assert.equal(peer.closed, true));
  });
});

describe("F60: requests that are not complete", () => {
  test("hold at most the bytes that they may, and the oldest give way", async (context) => {
    const running = await start(context, { requestBytes: MIB });
    const peer = await handmadePeer(context, running.port);
    const before = held("arrayBuffers");
    for (let index = 0; index < CALLS; index++) {
      const choices = { complete: false, declaredLength: 65_000 };
      peer.write(callFrames(streamId(index), "ListImages", Buffer.alloc(60_000), choices));
      if (index % 20 === 0) await hasRead(peer);
    }
    await hasRead(peer);
    assert.ok(endedStreams(peer).length > CALLS - 30);
    // Without the limit: 400 requests of 60 kB are 24 MB.
    await holdsAtMost(4 * MIB, "arrayBuffers", before);
    await othersAreServed(running);
    const last = streamId(CALLS);
    peer.write(callFrames(last, "GetMenu"));
    await eventually(() => assert.ok(peer.frames.some(({ type, stream }) => type === FRAME.DATA && stream === last)));
    assert.deepEqual([...new Set(running.limited)], ["request_bytes 127.0.0.1"]);
  });

  test("cost the same in one-byte frames", async (context) => {
    const running = await start(context, { requestBytes: MIB });
    const peer = await handmadePeer(context, running.port);
    const before = held("heapUsed");
    for (let index = 0; index < 20; index++) {
      const choices = { complete: false, declaredLength: 16_100, frameSize: 1 };
      peer.write(callFrames(streamId(index), "ListImages", Buffer.alloc(16_000), choices));
      await hasRead(peer);
    }
    // Without the limit: 320,000 frames of 200 bytes are 64 MB.
    await holdsAtMost(12 * MIB, "heapUsed", before);
    await othersAreServed(running);
  });

  for (const [what, bytes] of [
    ["headers without a message", frame(FRAME.HEADERS, END_HEADERS, 1, headerBlock(callHeaders("GetMenu")))],
    ["half a message", callFrames(1, "GetMenu", Buffer.alloc(10), { complete: false, declaredLength: 20 })],
    ["a message without an end", callFrames(1, "GetMenu", Buffer.alloc(0), { complete: false })],
    ["a stream of requests", callFrames(1, REFLECTION, Buffer.alloc(0), { complete: false })],
  ] as const) {
    test(`end when their time is over: ${what}`, async (context) => {
      const running = await start(context, { requestTimeout: 100 });
      const peer = await handmadePeer(context, running.port);
      peer.write(bytes);
      await eventually(() => assert.deepEqual(endedStreams(peer), [1]));
      assert.equal(peer.closed, false);
      await othersAreServed(running);
    });
  }

  test("end with a status that says so", async (context) => {
    const running = await start(context, { requestTimeout: 100 });
    const stream = openCall(rawConnection(context, running.address), "/labimages.v1.ImageService/GetMenu");
    const ended = await callStatus(stream);
    assert.deepEqual(ended, { code: String(status.DEADLINE_EXCEEDED), text: "the request was not complete in time" });
  });

  test("headers that never end are cut with their connection, as no sign of life can come between", async (context) => {
    const running = await start(context, { keepaliveTimeMs: 100, keepaliveTimeoutMs: 100 });
    const peer = await handmadePeer(context, running.port);
    peer.write(frame(FRAME.HEADERS, 0, 1, headerBlock(callHeaders("GetMenu"))));
    await eventually(() => assert.equal(peer.closed, true));
  });

  test("a connection that never gets as far as HTTP/2's settings is cut", async (context) => {
    const running = await start(context, { requestTimeout: 100 });
    const peer = await handmadePeer(context, running.port, { acknowledges: false });
    await eventually(() => assert.equal(peer.closed, true));
    assert.deepEqual(running.limited, ["request_time 127.0.0.1"]);
    await othersAreServed(running);
  });
});

describe("F60: shares of calls", () => {
  test("a peer that holds all calls gives up one for another peer, until both hold as many", async (context) => {
    const running = await start(context, { calls: 10 });
    const first = await handmadePeer(context, running.port, { from: "127.0.0.2" });
    first.write(calls(10, "Refresh"));
    await hasRead(first);
    assert.deepEqual(endedStreams(first), []);
    const second = await handmadePeer(context, running.port, { from: "127.0.0.3" });
    second.write(calls(10, "Refresh"));
    await hasRead(second);
    await eventually(() => assert.equal(endedStreams(first).length, 5));
    await eventually(() => assert.equal(endedStreams(second).length, 5));
    // The second peer's calls beyond its half take the places of its own oldest ones.
    assert.deepEqual(new Set(running.limited), new Set(["calls 127.0.0.2", "calls 127.0.0.3"]));
  });

  test("a connection that holds all calls gives up one for another of the same peer", async (context) => {
    const running = await start(context, { calls: 10 });
    const peer = await handmadePeer(context, running.port);
    peer.write(calls(10, "Refresh"));
    await hasRead(peer);
    await othersAreServed(running);
    await eventually(() => assert.deepEqual(endedStreams(peer), [1]));
  });

  test("the call that is one too many is refused", async (context) => {
    const running = await start(context, { calls: 2 });
    const client = running.newClient();
    const waiting = [client.Refresh({}, () => undefined), client.Refresh({}, () => undefined)];
    const refused = await failure(ask(client, client.Refresh, {}));
    assert.deepEqual([refused.code, refused.reason], ["RESOURCE_EXHAUSTED", "TOO_MANY_STREAMS"]);
    for (const call of waiting) call.cancel();
  });
});

test("F60: a call that waits for room that others hold is not one that waits for its peer", async (context) => {
  const clock = manualClock();
  const state = fakeState(snapshotOf(1, { images: weeklies(300) }));
  const running = await startServer(context, { state, clock, limits: { calls: 3, unsentBytes: 100_000 } });
  const patient = await handmadePeer(context, running.port, { window: MIB });
  patient.write(frame(FRAME.WINDOW_UPDATE, 0, 0, Buffer.from([0, 0x10, 0, 0])));
  patient.write(frame(FRAME.HEADERS, END_HEADERS, 1, headerBlock(callHeaders("ListImages"))));
  await hasRead(patient);
  await clock.advance(600);
  const slow = await handmadePeer(context, running.port, { window: 0 });
  slow.write(calls(2, "ListImages"));
  await hasRead(slow);
  // The rest of the request: an empty message.
  patient.write(frame(FRAME.DATA, END_STREAM, 1, Buffer.alloc(5)));
  await hasRead(patient);
  const other = await handmadePeer(context, running.port, { from: "127.0.0.2" });
  other.write(callFrames(1, "GetMenu"));
  await eventually(() => assert.deepEqual(endedStreams(other), [1]));
  assert.deepEqual(running.limited, ["calls 127.0.0.1"]);
  assert.deepEqual(endedStreams(patient), []);
  await eventually(() => assert.deepEqual(endedStreams(slow), [1]));
  await eventually(async () => {
    await clock.advance(20);
    assert.deepEqual(endedStreams(patient), [1]);
  });
  assert.ok(patient.frames.some(({ type }) => type === FRAME.DATA));
});

describe("F60: shares of connections", () => {
  test("a peer that holds all connections gives up one for another peer", async (context) => {
    const running = await start(context, { connections: 4 });
    const greedy: HandmadePeer[] = [];
    for (let index = 0; index < 4; index++) {
      greedy.push(await handmadePeer(context, running.port, { from: "127.0.0.2" }));
      greedy[index]?.write(calls(1, "Refresh"));
    }
    const refused = await handmadePeer(context, running.port, { from: "127.0.0.2" });
    await eventually(() => assert.equal(refused.closed, true));
    const other = await handmadePeer(context, running.port, { from: "127.0.0.3" });
    other.write(calls(1, "GetMenu"));
    await eventually(() => assert.ok(other.frames.some(({ type }) => type === FRAME.DATA)));
    await eventually(() =>
      assert.deepEqual(
        greedy.map(({ closed }) => closed),
        [true, false, false, false],
      ),
    );
    assert.deepEqual(running.limited, ["connections 127.0.0.2", "connections 127.0.0.2"]);
  });
});

test("F67: a burst of expired deadlines ends those calls, and not the connection", async (context) => {
  const running = await start(context);
  const peer = await handmadePeer(context, running.port);
  const lasting = streamId(0);
  peer.write(callFrames(lasting, "Refresh"));
  for (let round = 0; round < 10; round++) {
    for (let index = 1 + 400 * round; index < 401 + 400 * round; index++) {
      peer.write(
        callFrames(streamId(index), "Refresh"),
        frame(FRAME.RST_STREAM, 0, streamId(index), Buffer.from([0, 0, 0, 8])),
      );
    }
    await hasRead(peer);
  }
  assert.equal(peer.closed, false);
  assert.ok(!peer.frames.some(({ type }) => type === FRAME.GOAWAY));
  await eventually(() => assert.equal(running.calls.filter(({ code }) => code === "CANCELLED").length, 4_000));
  assert.ok(!endedStreams(peer).includes(lasting));
});
