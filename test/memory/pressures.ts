import { setTimeout as pause } from "node:timers/promises";
import { HOSTILE_PAGES } from "./hostile-pages.ts";
import { BASE, type MemoryScene } from "./scene.ts";

/** Time in ms for which hostile peers keep on. */
const HOLD_MS = 12_000;
/** With the one that the others share their manifest with: 200,000. */
const TAGS = 199_999;
const NODES = 5_000;
const READERS = 3;

/** A kind of load. Settles when it is over, and the world is as before. */
type Load = (scene: MemoryScene) => Promise<void>;

/** A load by itself. */
export interface Pressure {
  readonly name: string;
  readonly kind: "docker" | "google";
  readonly run: Load;
}

/** Callers in proper use read all that the service has to say. */
async function readAll({ client, service }: MemoryScene): Promise<void> {
  const pages = async (method: "ListImages" | "GetPrepullStatus" | "ListMissingImages"): Promise<void> => {
    let pageToken = "";
    do {
      const page: { readonly nextPageToken: string } = await client.call(method, { pageToken }, 60_000);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  };
  const json = async (path: string): Promise<void> => {
    await (await fetch(`http://${service.http}${path}`)).arrayBuffer();
  };
  for (let reader = 0; reader < READERS; reader += 1) {
    await Promise.all([
      pages("ListImages"),
      pages("GetPrepullStatus"),
      pages("ListMissingImages"),
      client.call("GetMenu", {}, 60_000),
      json("/spawner/v1/images"),
      json("/spawner/v1/prepulls"),
    ]);
  }
}

async function refreshed(scene: MemoryScene): Promise<void> {
  const failure = await scene.refresh();
  if (failure !== null) throw new Error(`a refresh has failed: ${failure}`);
}

/** What callers in proper use ask for before anything is measured, so that its code is loaded and warm. */
export async function warmUp(scene: MemoryScene): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    await refreshed(scene);
    await readAll(scene);
  }
}

const manyTags: Load = async (scene) => {
  for (const [round, count] of [TAGS, TAGS, BASE.tags].entries()) {
    await scene.world.call("setTags", { count, round: count === BASE.tags ? 0 : round + 1 });
    await refreshed(scene);
    await readAll(scene);
  }
};

const worstPages: Load = async (scene) => {
  for (const page of Object.keys(HOSTILE_PAGES)) {
    await scene.world.call("setPage", page);
    if ((await scene.refresh()) === null) throw new Error(`${page} was taken for a list of tags`);
  }
  await scene.world.call("setPage", null);
  await refreshed(scene);
};

const manyAliases: Load = async (scene) => {
  for (const shared of [10_000, 0]) {
    await scene.world.call("setGoogleTags", { shared, alone: BASE.tags });
    await refreshed(scene);
    await readAll(scene);
  }
};

const manyNodes: Load = async (scene) => {
  for (let round = 0; round < 4; round += 1) {
    await scene.world.call("setNodes", { count: NODES, imagesPerNode: 50, round });
    await readAll(scene);
  }
  await refreshed(scene);
  await readAll(scene);
  await scene.world.call("setNodes", { count: BASE.nodes, imagesPerNode: BASE.imagesPerNode, round: 0 });
  await refreshed(scene);
  await readAll(scene);
};

/** Peers that mean no good keep on while the others are under way, and for a while at least. */
function hostile(names: readonly ("neverRead" | "halfSent" | "hookBodies")[], meanwhile: Load = async () => {}): Load {
  return async (scene) => {
    for (const name of names) await scene.hostile.call(name, scene.ports);
    await Promise.all([pause(HOLD_MS), meanwhile(scene)]);
    await scene.hostile.call("stop", null);
  };
}

/** Each kind of load by itself. */
export const PRESSURES: readonly Pressure[] = [
  { name: "200,000 tags, then 200,000 others", kind: "docker", run: manyTags },
  { name: "the worst pages of a registry", kind: "docker", run: worstPages },
  { name: "10,000 tags on one digest", kind: "google", run: manyAliases },
  { name: "peers that never read", kind: "docker", run: hostile(["neverRead"]) },
  { name: "half-sent requests", kind: "docker", run: hostile(["halfSent"]) },
  { name: "hook bodies without the secret", kind: "docker", run: hostile(["hookBodies"]) },
  { name: "5,000 nodes of 50 images reporting", kind: "docker", run: manyNodes },
];

/** All that one registry can bring about, and all kinds of peers. */
export const ALL_TOGETHER: Pressure = {
  name: "all together",
  kind: "docker",
  run: hostile(["neverRead", "halfSent", "hookBodies"], async (scene) => {
    await Promise.all([manyTags(scene), manyNodes(scene)]);
    await worstPages(scene);
  }),
};
