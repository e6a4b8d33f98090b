import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { DEPLOYED } from "../cluster/prepuller-cluster.ts";
import { type PodHistory, recordPods } from "../cluster/service-pods.ts";
import { eventually } from "../support/eventually.ts";
import { type RealCluster, startCluster } from "./cluster.ts";
import { recordFigures } from "./figures.ts";
import type { RealNode } from "./node.ts";
import { openRepository, PATIENCE, type Repository, type Service, startService, weekly } from "./service.ts";
import { beginSlowPull } from "./slow-pull.ts";

describe("processes of the service on real nodes", () => {
  let cluster: RealCluster;
  let repository: Repository;
  let node: RealNode;
  let history: PodHistory;
  const scope = new AsyncDisposableStack();
  const digests: string[] = [];

  before(async () => {
    cluster = scope.use(await startCluster());
    node = cluster.node("alder");
    repository = openRepository(cluster, "lab/sketchbook");
    digests.push(await repository.push([weekly(0), "recommended"]));
    const { url, adminToken: token, caPem: ca } = cluster.plane;
    history = scope.use(await recordPods({ url, token, ca }, DEPLOYED));
  });
  after(() => scope.disposeAsync());

  async function beginPull(): Promise<string> {
    const { digest } = await beginSlowPull(node, repository, weekly(digests.length));
    digests.push(digest);
    return digest;
  }

  /** The pull was brought to its end by the pod that had begun it. */
  async function assertAdopted(digest: string): Promise<void> {
    await eventually(() => assert.deepEqual(history.present, []), PATIENCE);
    const pods = history.pods.filter((pod) => pod.node === node.name && pod.image.endsWith(digest));
    assert.deepEqual(
      pods.map(({ proven }) => proven),
      [true],
    );
  }

  it("P1: one is killed in the middle of a pull: the next adopts its pod", async () => {
    let digest: string;
    {
      await using first = await startService(cluster, repository);
      await first.untilComplete(digests);
      digest = await beginPull();
      first.process.kill("SIGKILL");
      await first.process.exited;
    }
    await using second = await startService(cluster, repository);
    await second.untilComplete(digests);
    await assertAdopted(digest);
  });

  it("the leader of two is killed in the middle of a pull: the other adopts its pod", async (context) => {
    await using first = await startService(cluster, repository);
    await using second = await startService(cluster, repository);
    const leading = (): Service[] => [first, second].filter((each) => each.leads());
    await eventually(() => assert.equal(leading().length, 1), PATIENCE);
    const [leader] = leading();
    const other = leader === first ? second : first;
    // The hook reaches the one that does not lead, as a Service does half of the time.
    cluster.hook.target = other.process.http;
    const digest = await beginPull();
    const killedAt = performance.now();
    leader?.process.kill("SIGKILL");
    await eventually(() => assert.ok(other.leads()), PATIENCE);
    await recordFigures(context, "failover: leader killed until the other one leads", performance.now() - killedAt);
    await other.untilComplete(digests);
    await assertAdopted(digest);
  });
});
