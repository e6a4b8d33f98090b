import { randomInt } from "node:crypto";
import { type Kubelet, startKubelet } from "../kubelet/kubelet.ts";
import { createRegistryLink } from "../kubelet/kubelet-pulls.ts";
import { demoKubeletDelays } from "../kubelet/kubelet-settings.ts";
import { type SimulatedKubernetes, startKubernetesApi } from "../kubernetes/kubernetes-api.ts";
import { machineTime } from "../kubernetes/kubernetes-time.ts";
import { type SimulatedRegistry, startOciRegistry } from "../registry/oci-registry.ts";
import { dailyTag, establishedTags, weeklyTag } from "./demo-tags.ts";

/*
 * The world of the demo: a registry, a cluster and what happens in them. All of it is simulated and says so; the service
 * reaches it over sockets like the real things.
 */

/** Where the demo's images are, below the registry's host. */
export const DEMO_REPOSITORY = "simulation/sciplat-lab";
/** Where the demo's prepuller puts its pods. */
export const DEMO_NAMESPACE = "lab-images";

const GIGABYTE = 1_000_000_000;
const WEEK = 7 * 86_400_000;
const DAY = 86_400_000;
/** A gigabyte takes about a second, so that pulls can be watched. */
const NODE_BANDWIDTH = 1.2 * GIGABYTE;
const REGISTRY_BANDWIDTH = 4 * GIGABYTE;
/** Milliseconds between two things that happen. */
const PACE = 8_000;

/** A world that goes on until it is stopped. */
export interface DemoWorld {
  /** `127.0.0.1:port`: the registry in every reference. */
  readonly registryHost: string;
  /** Text of a kubeconfig for the cluster. */
  readonly kubeconfig: string;
  /** Lets things happen from now on, and reports each in plain words. */
  begin(report: (line: string) => void): void;
  stop(): Promise<void>;
}

interface World {
  readonly registry: SimulatedRegistry;
  readonly cluster: SimulatedKubernetes;
  /** Digest by tag, and size in bytes by digest. */
  readonly digests: Map<string, string>;
  readonly sizes: Map<string, number>;
  readonly kubelets: Map<string, Kubelet>;
  readonly startNode: (name: string, taints?: readonly Taint[]) => Promise<void>;
  /** The date of the latest builds, milliseconds since the epoch. */
  today: number;
  joined: number;
}

type Taint = { readonly key: string; readonly value: string; readonly effect: string };

/** Starts registry, cluster and nodes on loopback, at ports that the system chooses. */
export async function startDemoWorld(): Promise<DemoWorld> {
  await using acquired = new AsyncDisposableStack();
  const registry = acquired.adopt(await startOciRegistry(), (it) => it.close());
  const cluster = acquired.adopt(await startKubernetesApi(), (it) => it.close());
  cluster.put("namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: DEMO_NAMESPACE } });
  const world = createWorld(registry, cluster);
  acquired.defer(async () => {
    await Promise.all([...world.kubelets.values()].map((kubelet) => kubelet.stop()));
  });
  for (const tag of establishedTags(world.today)) push(world, tag);
  const recommended = weeklyTag(world.today - WEEK);
  pointTo(world, "recommended", recommended);
  pointTo(world, "latest_weekly", recommended);
  await Promise.all(["alder", "beech", "cedar", "dogwood"].map((name) => world.startNode(name)));
  await world.startNode("gpu-elm", [{ key: "dedicated", value: "gpu", effect: "NoSchedule" }]);
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const owned = acquired.move();
  return {
    registryHost: registry.host,
    kubeconfig: cluster.kubeconfig,
    begin(report) {
      let step = 0;
      timer = setInterval(() => {
        const happening = HAPPENINGS[step++ % HAPPENINGS.length];
        happening?.(world, report).catch((error: unknown) => {
          if (!stopped) report(`the simulation stumbled: ${String(error)}`);
        });
      }, PACE);
    },
    async stop() {
      stopped = true;
      clearInterval(timer);
      await owned.disposeAsync();
    },
  };
}

function createWorld(registry: SimulatedRegistry, cluster: SimulatedKubernetes): World {
  const link = createRegistryLink(machineTime, REGISTRY_BANDWIDTH);
  const sizes = new Map<string, number>();
  const kubelets = new Map<string, Kubelet>();
  const resolve = (reference: string) => {
    const digest = reference.split("@")[1] ?? "";
    const sizeBytes = sizes.get(digest);
    return sizeBytes === undefined ? null : { digest, sizeBytes };
  };
  return {
    registry,
    cluster,
    digests: new Map(),
    sizes,
    kubelets,
    today: Date.now(),
    joined: 0,
    async startNode(name, taints = []) {
      const kubelet = await startKubelet({
        api: { url: cluster.url },
        name,
        taints,
        link,
        bandwidthBytesPerSecond: NODE_BANDWIDTH,
        diskBytes: 200 * GIGABYTE,
        resolve,
        delays: demoKubeletDelays,
      });
      kubelets.set(name, kubelet);
    },
  };
}

function push({ registry, digests, sizes }: World, tag: string): void {
  const sizeBytes = randomInt(40, 150) * 100_000_000;
  const digest = registry.push(DEMO_REPOSITORY, tag, { sizeBytes });
  digests.set(tag, digest);
  sizes.set(digest, sizeBytes);
}

/** Moves an alias to the digest of another tag. */
function pointTo({ registry, digests }: World, alias: string, tag: string): void {
  const digest = digests.get(tag);
  if (digest !== undefined) registry.push(DEMO_REPOSITORY, alias, { digest });
}

type Happening = (world: World, report: (line: string) => void) => Promise<void>;

/** A scientist starts a lab with any image on any node, which pulls it there. */
const startLab: Happening = async (world, report) => {
  const [tag, digest] = [...world.digests][randomInt(world.digests.size)] ?? [];
  const node = [...world.kubelets.values()][randomInt(world.kubelets.size)];
  if (tag === undefined || digest === undefined || node === undefined) return;
  report(`a scientist starts a lab with ${tag} on node ${node.name}, which pulls it if it is not there`);
  const reference = `${world.registry.host}/${DEMO_REPOSITORY}:${tag}@${digest}`;
  await node.pull(reference, digest, world.sizes.get(digest) ?? GIGABYTE);
};

const pushDaily: Happening = async (world, report) => {
  world.today += DAY;
  push(world, dailyTag(world.today));
  report(`the nightly build pushes ${dailyTag(world.today)}`);
};

const pushWeekly: Happening = async (world, report) => {
  world.today += WEEK;
  const tag = weeklyTag(world.today);
  push(world, tag);
  pointTo(world, "latest_weekly", tag);
  report(`the weekly build pushes ${tag}, and latest_weekly points to it`);
};

const recommendAnother: Happening = async (world, report) => {
  const tag = weeklyTag(world.today);
  pointTo(world, "recommended", tag);
  report(`recommended now points to ${tag}`);
};

const joinNode: Happening = async (world, report) => {
  world.joined += 1;
  const name = `spruce-${world.joined}`;
  await world.startNode(name);
  report(`node ${name} joins the cluster, with no image on it`);
};

const leaveNode: Happening = async (world, report) => {
  const name = `spruce-${world.joined}`;
  const kubelet = world.kubelets.get(name);
  if (kubelet === undefined) return;
  world.kubelets.delete(name);
  await kubelet.leave();
  report(`node ${name} leaves the cluster`);
};

const cordon: Happening = async (world, report) => {
  world.cluster.patchNode("cedar", { spec: { unschedulable: true } });
  report("node cedar is cordoned: nothing is pulled there, and its images do not count");
};

const uncordon: Happening = async (world, report) => {
  world.cluster.patchNode("cedar", { spec: { unschedulable: null } });
  report("node cedar is uncordoned");
};

/** What happens, over and over. */
const HAPPENINGS: readonly Happening[] = [
  startLab,
  joinNode,
  pushWeekly,
  startLab,
  cordon,
  startLab,
  pushDaily,
  uncordon,
  recommendAnother,
  startLab,
  leaveNode,
];
