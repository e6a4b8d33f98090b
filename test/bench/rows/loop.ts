import { ask, deadline } from "../../../src/cli/clients/image-service.ts";
import type { ListMissingImagesResponse__Output } from "../../../src/grpc/gen/labimages/v1/ListMissingImagesResponse.ts";
import { eventually } from "../../support/eventually.ts";
import { nodeName } from "../content.ts";
import { median } from "../measure.ts";
import type { Stalls } from "../processes/loop-watch.ts";
import { type Scene, startScene } from "../scene.ts";
import { type Measurement, ms, type Row } from "../table.ts";

const SIZE = { tags: 20_000, nodes: 5_000, imagesPerNode: 50 };
const ROUNDS = 7;
/** A node by itself: what it shows was told after all that had changed before. */
const LAST = nodeName(SIZE.nodes);
const GOAL = 25;

/** Row 6: what is refreshed has changed in between, since a refresh that finds nothing new has next to nothing to do. */
export const measureLoop: Measurement = async () => {
  await using scene = await startScene(SIZE);
  const refreshing: Stalls[] = [];
  const answering: Stalls[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await scene.world.call("push", `w_2078_${String(round + 1).padStart(2, "0")}`);
    refreshing.push(await stallsDuring(scene, () => scene.refresh()));
    answering.push(await stallsDuring(scene, () => askEverything(scene)));
  }
  const changing = await stallsWhileAllChange(scene, 0);
  const watched = await whileRead(scene, () => stallsWhileAllChange(scene, ROUNDS));
  return [
    toRow(refreshing, "longest time the event loop stands still in a refresh"),
    { ...toRow(answering, "the same while every answer is asked for the first time after it"), goal: "", met: null },
    toRow(changing, "the same while all nodes change all their images at once (K11)"),
    toRow(watched, "the same while one WatchPrepullStatus is read"),
  ];
};

/** Does the work while one WatchPrepullStatus is read. */
async function whileRead<T>({ client }: Scene, work: () => Promise<T>): Promise<T> {
  const stream = client.watchPrepullStatus({});
  stream.on("data", () => undefined);
  stream.on("error", () => undefined);
  const done = await work();
  stream.cancel();
  return done;
}

/** Stalls from the first change until the service shows the last one, in so many rounds after those before. */
async function stallsWhileAllChange(scene: Scene, before: number): Promise<readonly Stalls[]> {
  const stalls: Stalls[] = [];
  for (let round = before + 1; round <= before + ROUNDS; round++) {
    stalls.push(
      await stallsDuring(scene, async () => {
        await scene.world.call("changeAll", { ...SIZE, round });
        await scene.world.call("putNode", { name: LAST, images: [round % 2 === 0 ? 1 : 0] });
        await eventually(() => assertLastLacks(scene, round % 2 === 0), { withinMs: 60_000 });
      }),
    );
  }
  return stalls;
}

/** Throws unless the last node lacks, or has, the recommended image. */
async function assertLastLacks({ client }: Scene, lacks: boolean): Promise<void> {
  const never = new AbortController().signal;
  const answer = await ask<ListMissingImagesResponse__Output>(never, (callback) =>
    client.listMissingImages({ node: LAST }, deadline(), callback),
  );
  const lacked = answer.nodes
    .flatMap((node) => node.images)
    .some(({ tag, aliases }) => [tag, ...aliases].includes("recommended"));
  if (lacked !== lacks) throw new Error(`${LAST} does not show what it reported last`);
}

async function stallsDuring({ service }: Scene, work: () => Promise<unknown>): Promise<Stalls> {
  await service.call("watchLoop", null);
  await work();
  return await service.call("stalls", null);
}

function toRow(stalls: readonly Stalls[], what: string): Row {
  const longest = stalls.map((each) => each.longest);
  const over10 = stalls.reduce((sum, each) => sum + each.over10, 0);
  const middle = median(longest);
  const byTheClock = median(stalls.map((each) => each.longestByTheClock));
  return {
    number: 6,
    what: `${what}, 20,000 tags / 5,000 nodes / 50 images`,
    ours: `${ms(middle)} (least ${ms(Math.min(...longest))}, most ${ms(Math.max(...longest))}; ${over10} over 10 ms)`,
    against: `median of ${stalls.length} times; by the clock, with what else the machine did: ${ms(byTheClock)}`,
    ratio: "",
    goal: `at most ${GOAL} ms`,
    met: middle <= GOAL,
  };
}

/** One call of each method and route that reads. */
async function askEverything({ client, httpPort }: Scene): Promise<void> {
  const never = new AbortController().signal;
  const options = deadline();
  await ask(never, (callback) => client.resolveImage({ tag: "recommended" }, options, callback));
  await ask(never, (callback) => client.getMenu({}, options, callback));
  await ask(never, (callback) => client.listImages({}, options, callback));
  await ask(never, (callback) => client.listMissingImages({}, options, callback));
  await ask(never, (callback) => client.getPrepullStatus({}, options, callback));
  for (const path of ["/spawner/v1/images", "/spawner/v1/prepulls", "/metrics"]) {
    await (await fetch(`http://127.0.0.1:${httpPort}${path}`)).arrayBuffer();
  }
}
