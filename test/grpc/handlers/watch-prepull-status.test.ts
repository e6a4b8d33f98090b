import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { NodeImage, NodeStatus, PrepullProgress } from "../../../src/domain/snapshot/answers.ts";
import type { WatchPrepullStatusResponse__Output } from "../../../src/grpc/gen/labimages/v1/WatchPrepullStatusResponse.ts";
import { eventually } from "../../support/eventually.ts";
import { type Received, receive } from "../support/calls.ts";
import { type FakeState, fakeState, snapshotOf } from "../support/fake-state.ts";
import { digestOf, imageOf } from "../support/images.ts";
import { framed, openCall, rawConnection } from "../support/raw-http2.ts";
import { startServer } from "../support/running-server.ts";

const WATCH = "/labimages.v1.ImageService/WatchPrepullStatus";

function node(name: string, cached: readonly string[] = []): NodeStatus {
  return { name, eligible: true, comment: null, cached, imagesTruncated: false };
}

function nodeImage(tag: string, nodes: readonly string[]): NodeImage {
  return { image: imageOf(tag), nodes, missing: [] };
}

function progress(name: string, changes: Partial<PrepullProgress> = {}): PrepullProgress {
  return {
    node: name,
    reference: `r/l:w@${digestOf(1)}`,
    digest: digestOf(1),
    state: "PULLING",
    reason: "",
    message: "",
    failureClass: null,
    attempts: 1,
    startTime: Date.UTC(2077, 9, 23),
    nextAttemptTime: null,
    ...changes,
  };
}

interface Content {
  readonly nodes: readonly NodeStatus[];
  readonly prepulled?: readonly NodeImage[];
  readonly pending?: readonly NodeImage[];
  readonly progress?: readonly PrepullProgress[];
}

/** The state becomes this, and those who listen are told. */
function become(state: FakeState, { nodes, prepulled = [], pending = [], progress: work = [] }: Content): void {
  const generation = (state.current?.generation ?? 0) + 1;
  state.current = snapshotOf(generation, { images: [], nodes, prepullImages: { prepulled, pending } });
  state.progress = work;
  for (const listener of state.listeners) listener();
}

type Message = WatchPrepullStatusResponse__Output;

/** What a reader knows after these messages, by the rules of the contract. */
function merged(messages: readonly Message[]) {
  const nodes = new Map<string, readonly string[]>();
  const work = new Map<string, readonly string[]>();
  const images = new Map<string, string>();
  for (const { reset, status, removedNodes } of messages) {
    if (reset) for (const part of [nodes, work, images]) part.clear();
    for (const { name, cached } of status?.nodes ?? []) {
      nodes.set(name, cached);
      const own = (status?.progress ?? []).filter((one) => one.node === name);
      work.set(
        name,
        own.map(({ prepullState }) => prepullState),
      );
    }
    for (const { image } of status?.prepulled ?? []) images.set(image?.tag ?? "", "prepulled");
    for (const { image } of status?.pending ?? []) images.set(image?.tag ?? "", "pending");
    for (const name of removedNodes) for (const part of [nodes, work]) part.delete(name);
  }
  return { nodes, work, images };
}

async function messagesOf(received: Received<Message>, count: number): Promise<readonly Message[]> {
  await eventually(() => assert.ok(received.messages.length >= count, `${received.messages.length} messages`));
  return received.messages;
}

describe("WatchPrepullStatus", () => {
  test("sends the whole at once, then only what has changed", async (context) => {
    const state = fakeState();
    const kept = node("n1");
    become(state, { nodes: [kept, node("n2")], pending: [nodeImage("w", [])], progress: [progress("n2")] });
    const { client } = await startServer(context, { state });
    const watch = receive<Message>(client.WatchPrepullStatus({}));
    const [whole] = await messagesOf(watch, 1);
    assert.deepEqual([whole?.reset, whole?.complete, whole?.state?.generation], [true, true, 1]);
    assert.equal(whole?.status?.config?.recommendedTag, "recommended");
    assert.equal(whole?.status?.sources.length, 2);
    assert.deepEqual(
      whole?.status?.nodes.map(({ name }) => name),
      ["n1", "n2"],
    );
    assert.equal(whole?.status?.progress[0]?.prepullState, "PREPULL_STATE_PULLING");

    become(state, { nodes: [kept, node("n2", ["r/l:w"])], prepulled: [nodeImage("w", ["n2"])] });
    const [, change] = await messagesOf(watch, 2);
    assert.deepEqual([change?.reset, change?.complete, change?.state?.generation], [false, true, 2]);
    assert.deepEqual(
      change?.status?.nodes.map(({ name }) => name),
      ["n2"],
    );
    assert.deepEqual([change?.status?.config, change?.status?.sources], [null, []]);
    const { work, images } = merged(watch.messages);
    assert.deepEqual([work.get("n2"), images.get("w")], [[], "prepulled"]);
  });

  test("reports nodes that have gone, and starts over where an image has left the prepull set", async (context) => {
    const state = fakeState();
    const stays = node("n1");
    const images = [nodeImage("w", []), nodeImage("d", [])];
    become(state, { nodes: [stays, node("n2")], pending: images });
    const { client } = await startServer(context, { state });
    const watch = receive<Message>(client.WatchPrepullStatus({}));
    await messagesOf(watch, 1);
    become(state, { nodes: [stays], pending: images });
    const [, gone] = await messagesOf(watch, 2);
    assert.deepEqual([gone?.removedNodes, gone?.status?.nodes], [["n2"], []]);
    become(state, { nodes: [stays], pending: images.slice(0, 1) });
    const [, , over] = await messagesOf(watch, 3);
    assert.equal(over?.reset, true);
    assert.deepEqual([...merged(watch.messages).images.keys()], ["w"]);
  });

  test("reports that a source is failing, without a new snapshot", async (context) => {
    const state = fakeState();
    become(state, { nodes: [node("n1")] });
    const { client } = await startServer(context, { state });
    const watch = receive<Message>(client.WatchPrepullStatus({}));
    await messagesOf(watch, 1);
    state.sources = state.sources.map((source) => ({ ...source, ok: false, reason: "no answer" }));
    state.staleReason = "no answer";
    for (const listener of state.listeners) listener();
    const [, change] = await messagesOf(watch, 2);
    assert.deepEqual([change?.state?.stale, change?.status?.sources[0]?.reason], [true, "no answer"]);
    assert.deepEqual(change?.status?.nodes, []);
  });

  test("F23: sends problems beside the sources when either changes", async (context) => {
    const state = fakeState();
    const problems = [{ reason: "PINNED_TAG_MISSING", tag: "w_1", message: "no such tag" }] as const;
    state.current = snapshotOf(1, { images: [], problems });
    const { client } = await startServer(context, { state });
    const watch = receive<Message>(client.WatchPrepullStatus({}));
    const [first] = await messagesOf(watch, 1);
    assert.deepEqual(
      first?.status?.problems.map(({ problemReason, tag }) => [problemReason, tag]),
      [["PROBLEM_REASON_PINNED_TAG_MISSING", "w_1"]],
    );
    state.current = snapshotOf(2, { images: [] });
    for (const listener of state.listeners) listener();
    const [, change] = await messagesOf(watch, 2);
    assert.deepEqual(change?.status?.problems, []);
    assert.equal(change?.status?.sources.length, 2, "the sources say that the problems are all of them");
  });

  test("sends a whole that is larger than a message in several, of which the last is complete", async (context) => {
    const state = fakeState();
    const cached = Array.from({ length: 40 }, (_, at) => `registry.example.org/sciplat/lab:w_2077_${at}`);
    become(state, { nodes: Array.from({ length: 3_000 }, (_, at) => node(`n${at}`, cached)) });
    const { client } = await startServer(context, { state });
    const watch = receive<Message>(client.WatchPrepullStatus({}));
    await eventually(() => assert.equal(watch.messages.at(-1)?.complete, true));
    const flags = watch.messages.map(({ reset, complete }) => [reset, complete]);
    assert.ok(flags.length > 1);
    assert.deepEqual(flags[0], [true, false]);
    assert.deepEqual(flags.at(-1), [false, true]);
    assert.equal(merged(watch.messages).nodes.size, 3_000);
  });

  test("merges what a slow reader has missed into one message", async (context) => {
    const state = fakeState();
    become(state, { nodes: [node("n1"), node("n2")] });
    const running = await startServer(context, { state });
    const fast = receive<Message>(running.client.WatchPrepullStatus({}));
    const session = rawConnection(context, running.address, { settings: { initialWindowSize: 0 } });
    const stream = openCall(session, WATCH);
    stream.end(framed(Buffer.alloc(0)));
    await eventually(() => assert.equal(running.openStreams(), 2));
    await messagesOf(fast, 1);
    const received: Buffer[] = [];
    for (let round = 1; round <= 5; round++) {
      become(state, { nodes: [node("n1", [`r/l:${round}`]), node("n2", [`r/l:${round}`])] });
      await messagesOf(fast, 1 + round);
    }
    stream.on("data", (bytes: Buffer) => void received.push(bytes));
    session.settings({ initialWindowSize: 1 << 20 });
    const frames = () => framesIn(Buffer.concat(received));
    await eventually(() => assert.ok(Buffer.concat(received).includes("r/l:5")));
    assert.equal(frames(), 2, "the whole, and all changes in one");
    assert.ok(!Buffer.concat(received).includes("r/l:4"));
  });

  test("holds nothing when nobody watches, and starts again with the next reader", async (context) => {
    const state = fakeState();
    become(state, { nodes: [node("n1")] });
    const { client, openStreams } = await startServer(context, { state });
    const others = state.listeners.size;
    const call = client.WatchPrepullStatus({});
    const watch = receive<Message>(call);
    await messagesOf(watch, 1);
    assert.equal(state.listeners.size, others + 1);
    for (const listener of state.listeners) listener();
    call.cancel();
    await eventually(() => assert.deepEqual([state.listeners.size, openStreams()], [others, 0]));
    become(state, { nodes: [node("n2")] });
    const next = receive<Message>(client.WatchPrepullStatus({}));
    const [whole] = await messagesOf(next, 1);
    assert.equal(whole?.status?.nodes[0]?.name, "n2");
  });

  test("ends with SHUTTING_DOWN when the server stops, and says NOT_READY before the first snapshot", async (context) => {
    const running = await startServer(context);
    const early = await receive<Message>(running.client.WatchPrepullStatus({})).ended;
    assert.equal(early.reason, "NOT_READY");
    become(running.state, { nodes: [node("n1")] });
    const watch = receive<Message>(running.client.WatchPrepullStatus({}));
    await messagesOf(watch, 1);
    const stopped = running.server.shutdown(1_000);
    assert.equal((await watch.ended).reason, "SHUTTING_DOWN");
    await stopped;
  });

  test("serves hundreds of readers with messages that are made once", async (context) => {
    const state = fakeState();
    become(state, { nodes: [node("n1")] });
    const { client } = await startServer(context, { state });
    const watches = Array.from({ length: 250 }, () => receive<Message>(client.WatchPrepullStatus({})));
    await Promise.all(watches.map((watch) => messagesOf(watch, 1)));
    become(state, { nodes: [node("n1", ["r/l:w"])] });
    for (const watch of watches) {
      const [, change] = await messagesOf(watch, 2);
      assert.deepEqual(change?.status?.nodes[0]?.cached, ["r/l:w"]);
    }
  });
});

/** How many gRPC messages the bytes hold. */
function framesIn(bytes: Buffer): number {
  let frames = 0;
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt32BE(at + 1)) frames += 1;
  return frames;
}
