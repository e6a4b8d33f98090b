import assert from "node:assert/strict";
import type { Kubelet, KubeletOptions } from "../../src/simulation/kubelet/kubelet.ts";
import type { KubeletApiAddress } from "../../src/simulation/kubelet/kubelet-client.ts";
import type { KubeletDelays } from "../../src/simulation/kubelet/kubelet-settings.ts";
import { startOciRegistry } from "../../src/simulation/registry/oci-registry.ts";
import { eventually } from "../support/eventually.ts";
import { connectClient, type ImageServiceClient } from "../support/grpc-client.ts";
import { type ServiceProcess, startServiceProcess } from "../support/service-process.ts";
import { bandwidthFor, type PlayedNodes, playNodes } from "./service-nodes.ts";
import { type PodHistory, recordPods } from "./service-pods.ts";

/** An API server that the whole service runs at. */
export interface ServicePeer {
  /** Everything is allowed to it. */
  readonly api: KubeletApiAddress;
  /** Path of a kubeconfig with the service's rights. */
  readonly kubeconfig: string;
  /** Of the prepuller's pods and its lease. */
  readonly namespace: string;
  /** The lease's name in a round of this name. */
  readonly leaseName: (round: string) => string;
}

/** The service as a process, and somebody who asks it. */
export interface Replica extends AsyncDisposable {
  readonly process: ServiceProcess;
  readonly client: ImageServiceClient;
  /** Whether it prepulls, as it says itself. */
  leads(): boolean;
  logs(text: string): boolean;
  /** Has answered from a snapshot. */
  untilServing(): Promise<void>;
}

/** Nodes that no other round sees, a registry, and the processes that serve them. */
export interface Round extends AsyncDisposable {
  readonly peer: ServicePeer;
  readonly nodes: PlayedNodes;
  readonly history: PodHistory;
  readonly kubelets: readonly Kubelet[];
  readonly leaseName: string;
  /** How many images every node should have in the end. */
  readonly images: number;
  /** Pushes a further weekly; answers its digest. */
  push(tag: string): string;
  join(name: string, options?: Partial<KubeletOptions>): Promise<Kubelet>;
  /** Starts a replica; the changes are to the section `prepuller`. */
  start(prepuller?: Readonly<Record<string, unknown>>): Promise<Replica>;
}

/** How a round begins. */
export interface RoundOptions {
  /** Milliseconds that each pull takes, by node. */
  readonly nodes: Readonly<Record<string, number>>;
  readonly images: number;
  readonly delays?: Partial<KubeletDelays>;
}

/** Long beside what a loaded machine keeps a process waiting, short beside a test's patience. */
const LEADER_ELECTION = { leaseDuration: "3s", renewDeadline: "2s", retryPeriod: "0.3s" };
const REPOSITORY = "lab/sketchbook";
/** What is waited for comes within seconds, also on a machine that has other things to do. */
export const PATIENCE = { withinMs: 60_000 };

/** Starts the registry and the nodes; the first weekly is the recommended one. */
export async function startRound(peer: ServicePeer, id: string, options: RoundOptions): Promise<Round> {
  await using cleanup = new AsyncDisposableStack();
  const leaseName = peer.leaseName(id);
  const registry = cleanup.adopt(await startOciRegistry(), (it) => it.close());
  const weeklies = Array.from({ length: options.images }, (_, index) => `w_2077_${10 + index}`);
  const [first] = weeklies.map((tag) => registry.push(REPOSITORY, tag));
  registry.push(REPOSITORY, "recommended", first === undefined ? {} : { digest: first });
  const history = cleanup.use(await recordPods(peer.api, peer.namespace, leaseName));
  const nodes = cleanup.use(playNodes(peer.api, options.delays));
  const kubelets: Kubelet[] = [];
  const join: Round["join"] = async (name, more = {}) => {
    const kubelet = await nodes.join(`${id}-${name}`, { labels: { round: id }, ...more });
    kubelets.push(kubelet);
    return kubelet;
  };
  const bandwidth = (ms: number) => (ms === 0 ? {} : { bandwidthBytesPerSecond: bandwidthFor(ms) });
  await Promise.all(Object.entries(options.nodes).map(([name, ms]) => join(name, bandwidth(ms))));
  const source = { type: "docker", registry: registry.host, repository: REPOSITORY };
  const plan = { refreshInterval: "1h", prepullTimeout: "60s", numReleases: 0, numDailies: 0 };
  const config = {
    images: { source, ...plan, numWeeklies: options.images + 1 },
    kubernetes: { kubeconfig: peer.kubeconfig },
    nodeSelector: { round: id },
  };
  const replicas = cleanup.use(new AsyncDisposableStack());
  const running = cleanup.move();
  return {
    peer,
    nodes,
    history,
    kubelets,
    leaseName,
    images: options.images,
    push: (tag) => registry.push(REPOSITORY, tag),
    join,
    async start(changes = {}) {
      const leaderElection = { ...LEADER_ELECTION, leaseName };
      const prepuller = { enabled: true, namespace: peer.namespace, leaderElection, ...changes };
      return replicas.use(await startReplica({ ...config, prepuller }));
    },
    async [Symbol.asyncDispose]() {
      await replicas.disposeAsync();
      await Promise.all(kubelets.map((kubelet) => kubelet.leave().catch(() => undefined)));
      await running.disposeAsync();
    },
  };
}

/** Starts the service with this configuration, as in the file. */
export async function startReplica(config: Readonly<Record<string, unknown>>): Promise<Replica> {
  const process = await startServiceProcess(config);
  const client = connectClient(process.grpc);
  const lastOfLease = () => process.log.findLast(({ msg }) => /^(acquired|lost|released) leader lease/.test(msg))?.msg;
  return {
    process,
    client,
    leads: () => lastOfLease()?.startsWith("acquired") === true,
    logs: (text) => process.log.some(({ msg }) => msg.includes(text)),
    untilServing: () => eventually(async () => assert.equal(await client.health(), "SERVING"), PATIENCE),
    async [Symbol.asyncDispose]() {
      client.close();
      // A stopped process takes no other signal until it goes on.
      process.kill("SIGCONT");
      await process.stop();
    },
  };
}

/** Waits until every node has every image and no pod is left. */
export async function untilDone({ kubelets, history, images }: Round, wanted = images): Promise<void> {
  const counts = kubelets.map(() => wanted);
  await eventually(
    () =>
      assert.deepEqual(
        kubelets.map((kubelet) => kubelet.images.length),
        counts,
      ),
    PATIENCE,
  );
  await eventually(() => assert.deepEqual(history.present, []), PATIENCE);
}

/** Every image was pulled to every node once, by one pod that lived until it had proven the pull. */
export function assertOnce({ kubelets, history, nodes, images }: Round, wanted = images): void {
  // Where a node's report comes before its pod's status, the pod may go before it has proven anything.
  const lost = history.lost.filter(({ node, image }) => {
    const images = kubelets.find(({ name }) => name === node)?.images ?? [];
    return !images.some(({ digest }) => image.endsWith(`@${digest}`));
  });
  assert.deepEqual([history.repeated, lost, nodes.repeated], [[], [], []]);
  assert.equal(history.pods.length, kubelets.length * wanted);
  assert.equal(nodes.pulls.length, kubelets.length * wanted);
}

/** Nothing is missing in the answers. */
export async function untilNothingIsMissing({ client }: Replica): Promise<void> {
  await eventually(async () => assert.deepEqual((await client.call("ListMissingImages", {})).nodes, []), PATIENCE);
}
