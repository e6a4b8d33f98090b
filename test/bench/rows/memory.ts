import type { WorldSize } from "../content.ts";
import { startScene } from "../scene.ts";
import { figure, type Measurement } from "../table.ts";

const SIZE = { tags: 20_000, nodes: 5_000, imagesPerNode: 50 };
const REFRESHES = 3;
const GOAL = 250;
const MEGABYTE = 1_000_000;

/** Megabytes: resident, and live after a collection after a collection. */
export interface MemoryFigures {
  readonly resident: number;
  readonly live: number;
}

/** Row 7. */
export const measureMemory: Measurement = async () => {
  const nothing = await memoryOf({ tags: 1, nodes: 0, imagesPerNode: 0 });
  const loaded = await memoryOf(SIZE);
  const more = loaded.resident - nothing.resident;
  return [
    {
      number: 7,
      what: "memory at 20,000 tags and 5,000 nodes of 50 images, resident",
      ours: `${figure(loaded.resident)} MB (live after a collection ${figure(loaded.live)} MB)`,
      against: `the process with one tag and no node: ${figure(nothing.resident)} MB (${figure(nothing.live)} MB)`,
      ratio: `${figure(more)} MB more`,
      goal: `at most ${GOAL} MB more`,
      met: more <= GOAL,
    },
  ];
};

/** What a service holds after some refreshes, before anybody has made it collect its garbage. */
export async function memoryOf(size: WorldSize): Promise<MemoryFigures> {
  await using scene = await startScene(size);
  for (let round = 0; round < REFRESHES; round++) {
    await scene.world.call("push", `w_2078_${String(round + 1).padStart(2, "0")}`);
    await scene.refresh();
  }
  const { rss, live } = await scene.service.call("memory", null);
  return { resident: rss / MEGABYTE, live: live / MEGABYTE };
}
