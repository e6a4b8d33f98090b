import { type ServiceError, status } from "@grpc/grpc-js";
import { nodeName } from "../content.ts";
import { median } from "../measure.ts";
import type { LoadHandlers } from "../processes/load.ts";
import { type Remote, startRemote } from "../processes/remote.ts";
import { type Scene, startScene } from "../scene.ts";
import { figure, type Measurement, ms, type Row } from "../table.ts";
import { methodOf } from "./calls.ts";

const SIZE = { tags: 500, nodes: 20, imagesPerNode: 30 };
const METHOD = "WatchPrepullStatus";
const STREAMS_A_CONNECTION = 500;
const CHANGES = 5;
const GOAL = { seconds: 1, kilobytes: 25 };

/** Row 8. */
export const measureWatch: Measurement = async ({ streams }) => {
  await using scene = await startScene(SIZE);
  if (!(await isServed(scene))) return [notServed(streams)];
  const load = startRemote<LoadHandlers>(new URL("../processes/load.ts", import.meta.url));
  const { path, requestSerialize } = methodOf(METHOD);
  const before = await memory(scene);
  const connections = Math.ceil(streams / STREAMS_A_CONNECTION);
  await load.call("openStreams", {
    port: scene.grpcPort,
    path,
    message: requestSerialize({}),
    connections,
    streams,
  });
  const times: number[] = [];
  for (let change = 0; change < CHANGES; change++) times.push(await timeUntilAllHear(scene, load, change));
  const after = await memory(scene);
  await load.call("closeStreams", null);
  await load.stop();
  return [timeRow(streams, times), memoryRow(streams, before, after)];
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

/** Bytes, resident and live, after two collections: the first one leaves what has a finalizer. */
async function memory({ service }: Scene): Promise<Memory> {
  await service.call("memory", null);
  return await service.call("memory", null);
}

interface Memory {
  readonly rss: number;
  readonly live: number;
}

/** A node loses or gets an image: milliseconds until every stream has been told. */
async function timeUntilAllHear({ world }: Scene, load: Remote<LoadHandlers>, change: number): Promise<number> {
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

function memoryRow(streams: number, before: Memory, after: Memory): Row {
  const kilobytes = (bytes: number) => bytes / streams / 1_000;
  const resident = kilobytes(after.rss - before.rss);
  return {
    number: 8,
    what: `${figure(streams)} open ${METHOD} streams: memory a stream, resident`,
    ours: `${figure(resident)} kB (live after a collection ${figure(kilobytes(after.live - before.live))} kB)`,
    against: "the same process before",
    ratio: "",
    goal: `under ${GOAL.kilobytes} kB`,
    met: resident < GOAL.kilobytes,
  };
}

function notServed(streams: number): Row {
  const what = `${figure(streams)} open ${METHOD} streams`;
  const goal = `under ${GOAL.seconds} s, under ${GOAL.kilobytes} kB`;
  return { number: 8, what, ours: "not served yet", against: "", ratio: "", goal, met: null };
}
