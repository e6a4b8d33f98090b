import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import type { PullOrder } from "../../src/domain/prepull/pull.ts";
import { prepullPodSelector } from "../../src/kubernetes/pods/prepull-pod.ts";
import { startKubelet } from "../../src/simulation/kubelet/kubelet.ts";
import type { KubeletApiAddress } from "../../src/simulation/kubelet/kubelet-client.ts";
import { createRegistryLink } from "../../src/simulation/kubelet/kubelet-pulls.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";
import { digest, temporaryFile } from "../kubernetes/node-fixture.ts";
import { quickDelays, reference } from "../kubernetes/prepull-fixture.ts";
import { eventually } from "../support/eventually.ts";
import type { ApiClient } from "./api-client.ts";
import type { ReplicaNews } from "./prepuller-replica.ts";

/** An API server that replicas compete at. */
export interface ReplicasPeer extends AsyncDisposable {
  /** Everything is allowed to it. */
  readonly api: ApiClient;
  readonly kubelets: KubeletApiAddress;
  /** Path of a kubeconfig with the prepuller's rights. */
  readonly kubeconfig: string;
  readonly namespace: string;
}

interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status?: { readonly containerStatuses?: readonly { readonly imageID?: string }[] };
}

const PROGRAM = join(import.meta.dirname, "prepuller-replica.ts");
/** Long beside what a loaded machine keeps a process waiting, short beside a test's patience. */
const TIMING = { leaseDuration: 3_000, renewDeadline: 2_000, retryPeriod: 300 };
const PATIENCE = { withinMs: 60_000 };
const NODES = 3;
const IMAGES = 2;
const IMAGE_BYTES = 3_000_000;

/** A replica as a process. */
interface Replica {
  readonly news: readonly ReplicaNews[];
  readonly child: ChildProcess;
  leads(): boolean;
  has(type: ReplicaNews["type"]): boolean;
  end(signal: NodeJS.Signals): Promise<void>;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

async function startReplica(peer: ReplicasPeer, identity: string, orders: readonly PullOrder[]): Promise<Replica> {
  const { kubeconfig, namespace } = peer;
  const plan = JSON.stringify({ kubeconfig, namespace, identity, timing: TIMING, orders });
  await using file = await temporaryFile("plan.json", plan);
  const child = spawn(process.execPath, [PROGRAM, file.path], { stdio: ["ignore", "pipe", "inherit"] });
  running.add(child);
  const exit = once(child, "exit").then(() => running.delete(child));
  const news: ReplicaNews[] = [];
  assert.ok(child.stdout !== null);
  createInterface({ input: child.stdout }).on("line", (line) => news.push(JSON.parse(line) as ReplicaNews));
  await eventually(() => assert.ok(news.length > 0), PATIENCE);
  return {
    news,
    child,
    leads: () => news.findLast((each) => each.type === "leading")?.leading === true,
    has: (type) => news.some((each) => each.type === type),
    async end(signal) {
      child.kill(signal);
      child.kill("SIGCONT");
      await exit;
    },
  };
}

/** What became of every pod: how many objects each name had, and which were deleted without having proven a pull. */
interface PodHistory {
  readonly uids: Map<string, Set<string>>;
  readonly lost: string[];
  readonly present: Set<string>;
}

/** Watches the pods on behalf of the test. */
function recordPods({ api, namespace }: ReplicasPeer, signal: AbortSignal): PodHistory {
  const history: PodHistory = { uids: new Map(), lost: [], present: new Set() };
  const selector = encodeURIComponent(prepullPodSelector("lab-images-prepuller"));
  async function watch(): Promise<void> {
    for await (const { type, object } of api.watch(
      `/api/v1/namespaces/${namespace}/pods?watch=true&labelSelector=${selector}`,
      signal,
    )) {
      const { metadata, status } = object as Pod;
      const uids = history.uids.get(metadata.name) ?? new Set();
      history.uids.set(metadata.name, uids.add(metadata.uid));
      if (type !== "DELETED") history.present.add(metadata.uid);
      else history.present.delete(metadata.uid);
      const proven = status?.containerStatuses?.some(({ imageID = "" }) => imageID !== "") === true;
      if (type === "DELETED" && !proven) history.lost.push(metadata.uid);
    }
  }
  watch().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  return history;
}

/** One round's nodes, work and record. */
interface Round extends AsyncDisposable {
  readonly peer: ReplicasPeer;
  readonly orders: readonly PullOrder[];
  readonly history: PodHistory;
  start(identity: string): Promise<Replica>;
}

async function startRound(peer: ReplicasPeer, name: string): Promise<Round> {
  const life = new AbortController();
  const history = recordPods(peer, life.signal);
  const names = Array.from({ length: NODES }, (_, index) => `${name}-${index}`);
  const options = {
    api: peer.kubelets,
    link: createRegistryLink(machineTime, 1e12),
    bandwidthBytesPerSecond: IMAGE_BYTES,
    diskBytes: 1e12,
    delays: quickDelays,
    resolve: (wanted: string) => ({ digest: wanted.split("@")[1] ?? "", sizeBytes: IMAGE_BYTES }),
  };
  const kubelets = await Promise.all(names.map((each) => startKubelet({ ...options, name: each })));
  const orders: PullOrder[] = [];
  for (const node of names) {
    const { metadata } = await peer.api.request<Pod>("GET", `/api/v1/nodes/${node}`);
    for (let number = 1; number <= IMAGES; number += 1) {
      const image = { digest: digest(number), reference: reference(number) };
      orders.push({ node, nodeUid: metadata.uid, ...image, timeout: 60_000, podDeadline: 60_000 });
    }
  }
  const replicas: Replica[] = [];
  return {
    peer,
    orders,
    history,
    async start(identity) {
      const replica = await startReplica(peer, identity, orders);
      replicas.push(replica);
      return replica;
    },
    async [Symbol.asyncDispose]() {
      for (const { child, end } of replicas) if (running.has(child)) await end("SIGTERM");
      life.abort(new Error("the round is over"));
      await Promise.all(kubelets.map((kubelet) => kubelet.leave()));
    },
  };
}

/** Every pull was made by one pod, no pod was deleted before its time, and none is left. */
async function assertOnce({ orders, history }: Round): Promise<void> {
  await eventually(() => assert.equal(history.present.size, 0), PATIENCE);
  assert.equal(history.uids.size, orders.length);
  assert.deepEqual(
    [...history.uids.values()].map(({ size }) => size),
    orders.map(() => 1),
  );
  assert.deepEqual(history.lost, []);
}

/** When the leader is stopped or killed. */
const MOMENTS = {
  "as soon as it leads": (replica: Replica) => replica.leads(),
  "when its first pod is there": (_: Replica, { history }: Round) => history.uids.size > 0,
  "when its first pull is done": (replica: Replica) => replica.has("pulled"),
};

/** One of the moments that are tried. */
export type Moment = keyof typeof MOMENTS;

/** All of them. */
export const everyMoment = Object.keys(MOMENTS) as readonly Moment[];

/** Rows K9 and P1 of docs/spec/faults.md with real processes and signals. */
export function describePrepullerReplicas(
  name: string,
  moments: readonly Moment[],
  start: () => Promise<ReplicasPeer>,
): void {
  describe(name, () => {
    let peer: ReplicasPeer | null = null;
    before(async () => {
      peer = await start();
    });
    after(() => peer?.[Symbol.asyncDispose]());

    async function round(id: string): Promise<Round> {
      assert.ok(peer !== null);
      return startRound(peer, id);
    }

    for (const [index, moment] of moments.entries()) {
      const isReached = MOMENTS[moment];
      it(`passes the work on when the leader is stopped ${moment}, which it then leaves alone (K9)`, async () => {
        await using all = await round(`stopped-${index}`);
        const first = await all.start("first");
        await eventually(() => assert.ok(isReached(first, all)), PATIENCE);
        first.child.kill("SIGSTOP");
        const second = await all.start("second");
        await eventually(() => assert.ok(second.leads()), PATIENCE);
        await eventually(() => assert.ok(all.history.uids.size === all.orders.length), PATIENCE);
        first.child.kill("SIGCONT");
        await eventually(() => assert.ok(second.has("done"), JSON.stringify(second.news)), PATIENCE);
        await eventually(() => assert.equal(first.leads(), false), PATIENCE);
        await assertOnce(all);
        assert.equal([first, second].filter((each) => each.has("failed")).length, 0);
      });

      it(`finds what a process has left that was killed ${moment}, and pulls nothing twice (P1)`, async () => {
        await using all = await round(`killed-${index}`);
        const first = await all.start("first");
        await eventually(() => assert.ok(isReached(first, all)), PATIENCE);
        await first.end("SIGKILL");
        const second = await all.start("second");
        await eventually(() => assert.ok(second.has("done"), JSON.stringify(second.news)), PATIENCE);
        await assertOnce(all);
        assert.equal(second.has("failed"), false);
      });
    }

    it("lets the next one lead at once when the leader ends in order", async () => {
      await using all = await round("ended");
      const first = await all.start("first");
      await eventually(() => assert.ok(all.history.uids.size > 0), PATIENCE);
      const second = await all.start("second");
      await first.end("SIGTERM");
      const ended = performance.now();
      await eventually(() => assert.ok(second.leads()), PATIENCE);
      assert.ok(performance.now() - ended < TIMING.leaseDuration - TIMING.retryPeriod);
      await eventually(() => assert.ok(second.has("done"), JSON.stringify(second.news)), PATIENCE);
      await assertOnce(all);
    });
  });
}
