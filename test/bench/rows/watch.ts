import { type ServiceError, status } from "@grpc/grpc-js";
import { nodeName } from "../content.ts";
import { median } from "../measure.ts";
import type { LoadHandlers } from "../processes/load.ts";
import type { MemoryInUse } from "../processes/memory-in-use.ts";
import type { PeerHandlers } from "../processes/peers.ts";
import { type Remote, startRemote } from "../processes/remote.ts";
import { type Scene, startScene } from "../scene.ts";
import { figure, type Measurement, ms, type Row } from "../table.ts";
import { methodOf } from "./calls.ts";

const SIZE = { tags: 500, nodes: 20, imagesPerNode: 30 };
const METHOD = "WatchPrepullStatus";
const STREAMS_A_CONNECTION = 500;
const CHANGES = 5;
const GOAL = { seconds: 1, kilobytes: 25 };
/** Bytes of the one message that the peer's streams get: about what ours begin with. */
const FIRST_MESSAGE = 8_192;

type Load = Remote<LoadHandlers>;

/** Row 8. */
export const measureWatch: Measurement = async ({ streams }) => {
  await using scene = await startScene(SIZE);
  if (!(await isServed(scene))) return [notServed(streams)];
  const load = startRemote<LoadHandlers>(new URL("../processes/load.ts", import.meta.url));
  const peerCost = await costOfPeer(load, streams);
  const before = await settledMemory(scene.service);
  await openStreams(load, scene.grpcPort, streams);
  const cost = costBetween(before, await settledMemory(scene.service), streams);
  const times: number[] = [];
  for (let change = 0; change < CHANGES; change++) times.push(await timeUntilAllHear(scene, load, change));
  await load.call("closeStreams", null);
  await load.stop();
  return [timeRow(streams, times), memoryRow(streams, cost, peerCost)];
};

function isServed({ client }: Scene): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const call = client.watchPrepullStatus({});
    call.once("data", () => {
      resolve(true);
      call.cancel();
    });
    call.on("error", (error: ServiceError) => {
      if (error.code === status.UNIMPLEMENTED) resolve(false);
      else reject(error);
    });
  });
}

/** Settles when every stream has had its first message. */
async function openStreams(load: Load, port: number, streams: number): Promise<void> {
  const { path, requestSerialize } = methodOf(METHOD);
  const connections = Math.ceil(streams / STREAMS_A_CONNECTION);
  await load.call("openStreams", { port, path, message: requestSerialize({}), connections, streams });
}

/** What one stream takes of a bare grpc-js server. */
async function costOfPeer(load: Load, streams: number): Promise<StreamCost> {
  const peer = startRemote<PeerHandlers>(new URL("../processes/peers.ts", import.meta.url), ["--expose-gc"]);
  const port = await peer.call("grpcStream", { path: methodOf(METHOD).path, answer: Buffer.alloc(FIRST_MESSAGE) });
  const before = await settledMemory(peer);
  await openStreams(load, port, streams);
  const after = await settledMemory(peer);
  await load.call("closeStreams", null);
  await peer.stop();
  return costBetween(before, after, streams);
}

/** After a collection: what was garbage before is not resident because of the streams. */
async function settledMemory(
  remote: Pick<Remote<{ readonly memory: (_: null) => MemoryInUse }>, "call">,
): Promise<MemoryInUse> {
  await remote.call("memory", null);
  return await remote.call("memory", null);
}

/** Kilobytes a stream. */
interface StreamCost {
  readonly resident: number;
  readonly live: number;
}

function costBetween(before: MemoryInUse, after: MemoryInUse, streams: number): StreamCost {
  const share = (bytes: number) => bytes / streams / 1_000;
  return { resident: share(after.rss - before.rss), live: share(after.live - before.live) };
}

/** A node loses or gets an image: milliseconds until every stream has been told. */
async function timeUntilAllHear({ world }: Scene, load: Load, change: number): Promise<number> {
  await load.call("mark", null);
  const heard = load.call("heard", null);
  const started = performance.timeOrigin + performance.now();
  await world.call("putNode", { name: nodeName(0), images: change % 2 === 0 ? [0] : [0, 1, 2, 3, 4, 5] });
  return (await heard) - started;
}

function timeRow(streams: number, times: readonly number[]): Row {
  const time = median(times);
  return {
    number: 8,
    what: `${figure(streams)} open ${METHOD} streams: a node changes, until all have the message`,
    ours: `${ms(time)} (most ${ms(Math.max(...times))})`,
    against: `median of ${times.length} changes`,
    ratio: "",
    goal: `under ${GOAL.seconds} s`,
    met: time < GOAL.seconds * 1_000,
  };
}

function memoryRow(streams: number, ours: StreamCost, peer: StreamCost): Row {
  const describe = ({ resident, live }: StreamCost) => `${figure(resident)} kB (live ${figure(live)} kB)`;
  return {
    number: 8,
    what: `${figure(streams)} open ${METHOD} streams: memory a stream, resident`,
    ours: describe(ours),
    against: `bare grpc-js streams with one message: ${describe(peer)}`,
    ratio: figure(ours.resident / peer.resident),
    goal: `under ${GOAL.kilobytes} kB`,
    met: ours.resident < GOAL.kilobytes,
  };
}

function notServed(streams: number): Row {
  const what = `${figure(streams)} open ${METHOD} streams`;
  const goal = `under ${GOAL.seconds} s, under ${GOAL.kilobytes} kB`;
  return { number: 8, what, ours: "not served yet", against: "", ratio: "", goal, met: null };
}
