/**
 * A replica of the prepuller's adapters as a process of its own: it takes part in the election, sees to what is left
 * over when it begins to lead, and then pulls what it was told to. Tests stop, wake and kill it. Its argument is the path
 * of a `ReplicaPlan` in JSON; it tells what happens in lines of JSON.
 */
import { readFile } from "node:fs/promises";
import { DEFAULT_POD_OPTIONS } from "../../src/domain/prepull/pod-options.ts";
import { type PullOrder, PullReleasedError } from "../../src/domain/prepull/pull.ts";
import { connectKubernetes, type KubernetesConnection } from "../../src/kubernetes/client/connection.ts";
import type { LeaseTiming } from "../../src/kubernetes/lease/leader-elector.ts";
import { createLeadership } from "../../src/kubernetes/lease/leadership.ts";
import { createImageInterning } from "../../src/kubernetes/nodes/image-interning.ts";
import { readNode } from "../../src/kubernetes/nodes/node-object.ts";
import { noOwner } from "../../src/kubernetes/pods/pod-owner.ts";
import { createPuller } from "../../src/kubernetes/pulls/puller.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";
import { silentLogger } from "../kubernetes/node-fixture.ts";
import { type PlainPuller, plainPuller } from "../support/plain-puller.ts";

/** What a replica is told. */
export interface ReplicaPlan {
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly identity: string;
  readonly timing: LeaseTiming;
  readonly orders: readonly PullOrder[];
}

/** What a replica tells. */
export type ReplicaNews =
  | { readonly type: "leading"; readonly leading: boolean }
  | { readonly type: "reported"; readonly orders: readonly number[] }
  | { readonly type: "recovered" | "pulled" | "failed" | "released"; readonly order: number; readonly why?: string }
  | { readonly type: "done" };

const interning = createImageInterning();
const LEASE = "lab-images-prepuller";

function tell(news: ReplicaNews): void {
  process.stdout.write(`${JSON.stringify(news)}\n`);
}

/** The orders whose images the nodes report, as the service sees what an earlier leader has pulled. */
async function reportedOrders(
  connection: KubernetesConnection,
  orders: readonly PullOrder[],
  signal: AbortSignal,
): Promise<readonly number[]> {
  const call = { what: "list nodes", path: "/api/v1/nodes", deadlineMs: 10_000, signal };
  const { items } = (await connection.call(call)) as { readonly items: readonly unknown[] };
  const reported = new Map(
    items.map((item) => {
      const read = readNode(item, interning);
      return [read?.report.uid, new Set(read?.report.images.flatMap(({ digests }) => digests))];
    }),
  );
  return [...orders.keys()].filter((index) => {
    const order = orders[index];
    return order !== undefined && reported.get(order.nodeUid)?.has(order.digest) === true;
  });
}

/** Recovers, then pulls everything that is still wanted, all at once; ends early where the reign does. */
async function reign(
  connection: KubernetesConnection,
  puller: PlainPuller,
  orders: readonly PullOrder[],
  done: Set<number>,
  signal: AbortSignal,
): Promise<void> {
  const indexOf = (nodeUid: string, digest: string) =>
    orders.findIndex((order) => order.nodeUid === nodeUid && order.digest === digest);
  const reported = await reportedOrders(connection, orders, signal);
  for (const order of reported) done.add(order);
  tell({ type: "reported", orders: reported });
  const isWanted = (nodeUid: string, digest: string) => !done.has(indexOf(nodeUid, digest));
  for (const { nodeUid, digest } of await puller.recover(isWanted, signal)) {
    const order = indexOf(nodeUid, digest);
    done.add(order);
    tell({ type: "recovered", order });
  }
  const pending = orders.map((order, index) => ({ order, index })).filter(({ index }) => !done.has(index));
  await Promise.all(
    pending.map(async ({ order, index }) => {
      try {
        const outcome = await puller.pull(order, signal);
        if (outcome.kind === "pulled") done.add(index);
        if (outcome.kind === "pulled") tell({ type: "pulled", order: index });
        else tell({ type: "failed", order: index, why: `${outcome.reason}: ${outcome.message}` });
      } catch (error) {
        if (!(error instanceof PullReleasedError)) throw error;
        tell({ type: "released", order: index });
      }
    }),
  );
  if (done.size === orders.length) tell({ type: "done" });
}

async function main(planPath: string): Promise<void> {
  const plan: ReplicaPlan = JSON.parse(await readFile(planPath, "utf8"));
  const { kubeconfig, namespace, identity, timing, orders } = plan;
  const common = { clock: machineTime, random: Math.random, logger: silentLogger };
  const connection = connectKubernetes({ kubeconfig, clock: machineTime });
  const leadership = createLeadership({
    ...common,
    connection,
    namespace,
    leaseName: LEASE,
    instance: LEASE,
    identity,
    timing,
  });
  const puller = plainPuller(
    createPuller({
      ...common,
      connection,
      namespace,
      instance: LEASE,
      pullSecret: null,
      tolerations: [],
      pod: DEFAULT_POD_OPTIONS,
      owner: noOwner,
      leadership,
      limits: { api: { createMs: timing.leaseDuration - timing.renewDeadline } },
    }),
  );
  const done = new Set<number>();
  const life = new AbortController();
  let current = new AbortController();
  leadership.follow((leading) => {
    tell({ type: "leading", leading });
    current.abort(new PullReleasedError());
    if (!leading) return;
    current = new AbortController();
    const { signal } = current;
    reign(connection, puller, orders, done, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }, life.signal);
  process.once("SIGTERM", () => {
    current.abort(new PullReleasedError());
    life.abort(new Error("the replica ends"));
    void leadership.ended().then(() => connection.close());
  });
}

const [planPath] = process.argv.slice(2);
if (planPath !== undefined) await main(planPath);
