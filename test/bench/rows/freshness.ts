import { ask, deadline } from "../../../src/cli/clients/image-service.ts";
import type { ListMissingImagesResponse__Output } from "../../../src/grpc/gen/labimages/v1/ListMissingImagesResponse.ts";
import { eventually } from "../../support/eventually.ts";
import { nodeName } from "../content.ts";
import { median, quantile } from "../measure.ts";
import { type Scene, startScene } from "../scene.ts";
import { type Measurement, ms, type Row } from "../table.ts";

const SIZE = { tags: 20_000, nodes: 1_000, imagesPerNode: 50 };
const EVENTS = 60;
const GOAL = 1_000;
/** Which of the image numbers of a node is the recommended image. */
const RECOMMENDED = 0;

/** Row 10. */
export const measureFreshness: Measurement = async () => {
  await using scene = await startScene(SIZE);
  const joins: number[] = [];
  const arrivals: number[] = [];
  for (let event = 0; event < EVENTS; event++) {
    const name = nodeName(SIZE.nodes + event);
    joins.push(await timeUntil(scene, name, [], true));
    arrivals.push(await timeUntil(scene, name, [RECOMMENDED], false));
  }
  return [toRow("a node joins: until it shows", joins), toRow("an image appears on a node: until it shows", arrivals)];
};

/** Gives the node these images, and answers the milliseconds until the recommended one is, or is not, missing there. */
async function timeUntil(
  { world, client }: Scene,
  name: string,
  images: readonly number[],
  missing: boolean,
): Promise<number> {
  const never = new AbortController().signal;
  const started = performance.now();
  await world.call("putNode", { name, images });
  await eventually(async () => {
    const answer = await ask<ListMissingImagesResponse__Output>(never, (callback) =>
      client.listMissingImages({ node: name }, deadline(), callback),
    );
    const lacked = answer.nodes.flatMap((node) => node.images).some(({ tag }) => tag === "w_2077_51");
    if (lacked !== missing) throw new Error(`${name} does not show yet`);
  });
  return performance.now() - started;
}

function toRow(what: string, times: readonly number[]): Row {
  const late = quantile(times, 0.99);
  return {
    number: 10,
    what,
    ours: `${ms(median(times))} (p99 ${ms(late)}) of ${times.length}`,
    against: "the original: up to 5 minutes",
    ratio: "",
    goal: `under ${GOAL} ms`,
    met: late < GOAL,
  };
}
