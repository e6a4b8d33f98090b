import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createKubeletClient } from "../../src/simulation/kubelet/kubelet-client.ts";
import { eventually } from "../support/eventually.ts";
import {
  assertOnce,
  PATIENCE,
  type Replica,
  type Round,
  type ServicePeer,
  startRound,
  untilDone,
  untilNothingIsMissing,
} from "./service-round.ts";

/** When a process is killed. */
const MOMENTS = {
  "as soon as it leads": (replica: Replica) => replica.leads(),
  "when its first pod is there": (_: Replica, { history }: Round) => history.pods.length > 0,
  "while kubelets pull": (_: Replica, { nodes }: Round) => nodes.pulls.length > 0,
  "when its first pull is done": (_: Replica, { kubelets }: Round) => kubelets.some(({ images }) => images.length > 0),
};

/** One of the moments that are tried. */
export type Moment = keyof typeof MOMENTS;

/** All of them. */
export const everyMoment = Object.keys(MOMENTS) as readonly Moment[];

/** How a replica tells that it goes on with the pod of another. */
const ADOPTING = "adopting the pod of an earlier pull";
/** What a process has for its end after SIGTERM, milliseconds. */
const GRACE_MS = 10_000;

/** Who holds the lease; empty where nobody does. */
async function holder({ peer: { api, namespace }, leaseName }: Round): Promise<unknown> {
  const client = createKubeletClient(api);
  try {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${leaseName}`;
    const { spec } = (await client.request("GET", path)) as { spec?: { holderIdentity?: string } };
    return spec?.holderIdentity ?? "";
  } finally {
    client.close();
  }
}

/**
 * The whole service as processes that end in every way, on the simulated API server and on a real one. At once where
 * each round has a lease of its own.
 */
export function describeServiceRestarts(
  name: string,
  { moments, concurrency }: { readonly moments: readonly Moment[]; readonly concurrency: boolean },
  peer: () => ServicePeer,
): void {
  describe(name, { concurrency }, () => {
    for (const [index, moment] of moments.entries()) {
      it(`killed ${moment} and started again, it pulls nothing twice and leaves no pod (P1)`, async () => {
        await using round = await startRound(peer(), `killed-${index}`, {
          nodes: { alder: 800, beech: 300, cedar: 0 },
          images: 2,
        });
        const first = await round.start();
        await eventually(() => assert.ok(MOMENTS[moment](first, round)), PATIENCE);
        first.process.kill("SIGKILL");
        assert.equal(await first.process.exited, null);
        const second = await round.start();
        await untilDone(round);
        await untilNothingIsMissing(second);
        assertOnce(round);
      });
    }

    it("stopped during a pull, it releases the lease and leaves the pod to the next one, which adopts it", async () => {
      await using round = await startRound(peer(), "ended", { nodes: { alder: 0 }, images: 1 });
      const release = round.nodes.hold();
      const first = await round.start();
      await eventually(() => assert.equal(round.nodes.pulls.length, 1), PATIENCE);
      const signalledAt = performance.now();
      first.process.kill("SIGTERM");
      assert.equal(await first.process.exited, 0);
      assert.ok(performance.now() - signalledAt < GRACE_MS);
      assert.equal(await holder(round), "");
      assert.equal(round.history.present.length, 1);
      const second = await round.start();
      await eventually(() => assert.ok(second.logs(ADOPTING)), PATIENCE);
      release();
      await untilDone(round);
      await untilNothingIsMissing(second);
      assertOnce(round);
    });
  });
}

/** A process that is killed with all turns taken, of which the next one knows nothing but the pods. */
export function describeServiceCap(name: string, peer: () => ServicePeer): void {
  const most = 2;
  const failing = ["cap-alder", "cap-beech"];
  const others = ["cedar", "dogwood", "elm"];

  it(name, async () => {
    await using round = await startRound(peer(), "cap", {
      nodes: Object.fromEntries(["alder", "beech", ...others].map((node) => [node, 200])),
      images: 1,
    });
    const release = round.nodes.hold();
    for (const node of failing) round.nodes.failPulls(node, () => "no space left on device");
    const first = await round.start({ maxConcurrentPulls: most });
    await eventually(() => {
      const nodes = round.history.present.map(({ node }) => node);
      assert.equal(nodes.filter((node) => !failing.includes(node)).length, most);
    }, PATIENCE);
    first.process.kill("SIGKILL");
    await first.process.exited;
    // Of the failures the next process knows nothing: it begins with other nodes than those that have the pods.
    for (const node of failing) round.nodes.failPulls(node, () => null);
    const second = await round.start({ maxConcurrentPulls: most });
    await eventually(async () => {
      const { status } = await second.client.call("GetPrepullStatus", {});
      const pulling = status.progress.filter(({ prepullState }) => prepullState === "PREPULL_STATE_PULLING");
      assert.equal(pulling.length, most);
    }, PATIENCE);
    release();
    await untilDone(round);
    await untilNothingIsMissing(second);
    assert.ok(round.nodes.peak <= most, `${round.nodes.peak} pulls at one time`);
  });
}

/** What went wrong in the eyes of these replicas: a lease that is lost is none of it. */
function complaints(replicas: readonly Replica[]): readonly string[] {
  const lines = replicas.flatMap(({ process }) => process.log).filter(({ level }) => level === "error");
  return lines.map((line) => JSON.stringify(line));
}

/** Several replicas at once, of which the leader is stopped without a word. */
export function describeServiceReplicas(name: string, peer: () => ServicePeer): void {
  describe(name, () => {
    it("a leader that is stopped past its lease leaves everything to its successor when it goes on (K9)", async () => {
      await using round = await startRound(peer(), "stopped", {
        nodes: { alder: 2_000, beech: 1_000, cedar: 500 },
        images: 2,
      });
      const release = round.nodes.hold();
      const first = await round.start();
      await eventually(() => assert.ok(first.leads()), PATIENCE);
      const second = await round.start();
      await second.untilServing();
      assert.equal(second.leads(), false);
      await eventually(() => assert.equal(round.nodes.pulls.length, 3), PATIENCE);
      first.process.kill("SIGSTOP");
      await eventually(() => assert.ok(second.leads()), PATIENCE);
      await eventually(() => assert.ok(second.logs(ADOPTING)), PATIENCE);
      release();
      await eventually(() => assert.ok(round.history.pods.length > 3), PATIENCE);
      first.process.kill("SIGCONT");
      await eventually(() => assert.equal(first.leads(), false), PATIENCE);
      await untilDone(round);
      assertOnce(round);
      assert.equal(second.leads(), true);
      for (const replica of [first, second]) await untilNothingIsMissing(replica);
      const { status } = await second.client.call("GetPrepullStatus", {});
      assert.ok(status.progress.every(({ prepullState }) => prepullState === "PREPULL_STATE_SUCCEEDED"));
      assert.deepEqual(complaints([first, second]), []);
    });

    it("a leader that is stopped again and again hands the work to and fro, and nothing is done twice (K9)", async () => {
      await using round = await startRound(peer(), "again", { nodes: { alder: 1_500, beech: 2_500 }, images: 4 });
      const release = round.nodes.hold();
      const replicas = [await round.start(), await round.start()] as const;
      for (const replica of replicas) await replica.untilServing();
      for (let turn = 0; turn < 2; turn += 1) {
        const leader = await eventually(() => {
          const found = replicas.find((replica) => replica.leads());
          assert.ok(found !== undefined);
          return found;
        }, PATIENCE);
        const other = leader === replicas[0] ? replicas[1] : replicas[0];
        await eventually(() => assert.ok(round.nodes.pulls.length > 0), PATIENCE);
        release();
        leader.process.kill("SIGSTOP");
        await eventually(() => assert.ok(other.leads()), PATIENCE);
        leader.process.kill("SIGCONT");
        await eventually(() => assert.equal(leader.leads(), false), PATIENCE);
      }
      await untilDone(round);
      assertOnce(round);
      assert.deepEqual(complaints(replicas), []);
    });
  });
}
