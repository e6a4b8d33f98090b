import assert from "node:assert/strict";
import { test } from "node:test";
import { ownInstance } from "../../src/app/environment.ts";
import { PullReleasedError } from "../../src/domain/prepull/pull.ts";
import { formerPodName, instanceLabel } from "../../src/kubernetes/pods/prepull-pod.ts";
import { eventually } from "../support/eventually.ts";
import { digest } from "./node-fixture.ts";
import {
  abandon,
  ended,
  INSTANCE,
  NAMESPACE,
  type PrepullBench,
  startPrepullBench,
  unending,
} from "./prepull-fixture.ts";

const own = (deployment: string, leaseName = INSTANCE) =>
  ownInstance({ POD_NAMESPACE: NAMESPACE, DEPLOYMENT_NAME: deployment }, leaseName);
const PAIRS = [
  ["different lease names", own("lab-images", "stable"), own("lab-images-beta", "beta")],
  ["one lease name, and different Deployments", own("lab-images"), own("lab-images-beta")],
  ["one lease name, and no Deployment for one of them", own("lab-images"), ownInstance({}, INSTANCE)],
] as const;

for (const [what, one, other] of PAIRS) {
  test(`F44: installations with ${what} leave each other's pods alone, also those for the same image and node`, async () => {
    await using bench = await startPrepullBench();
    const order = bench.order("played", 1);
    const pullers = [one, other].map((instance) => bench.puller({ instance, formerInstance: INSTANCE }));
    const life = new AbortController();
    const pulls = pullers.map((puller) => puller.pull(order, life.signal));
    await eventually(() => assert.equal(bench.pods().length, 2));
    life.abort(new PullReleasedError());
    await Promise.allSettled(pulls);
    for (const pod of bench.pods())
      bench.api.put("pods", { ...pod, status: ended(0, "Completed", `lab@${digest(1)}`) });

    const recovered = await pullers[0]?.recover(() => false, unending);
    assert.equal(recovered?.length, 1, "its own pod alone proves a pull");
    const labels = bench.pods().map(({ metadata }) => metadata.labels?.["lab-images/prepuller"]);
    assert.deepEqual(labels, [instanceLabel(other)]);
  });
}

test("F44: an instance that is too long for a label is hashed into one", () => {
  const label = instanceLabel(own("a".repeat(63)));
  assert.match(label, /^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/);
  assert.notEqual(label, instanceLabel(own("a".repeat(62))));
});

/** Pods as the first version left them: label and name of the lease alone. Each beside one of an installation without a Deployment. */
async function leaveFormer(bench: PrepullBench, owners: readonly string[]): Promise<void> {
  const orders = owners.map((_, number) => bench.order("played", number));
  await abandon(bench, orders);
  for (const [index, pod] of bench.pods().entries()) {
    const { annotations = {} } = pod.metadata;
    const name = formerPodName(String(annotations["lab-images/node-uid"]), String(annotations["lab-images/digest"]));
    const owner = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      name: "lab-images",
      uid: owners[index] ?? "",
      controller: true,
    };
    const metadata = { ...pod.metadata, name, ownerReferences: [owner] };
    bench.api.put("pods", { ...pod, metadata, status: ended(0, "Completed", `lab@${digest(index)}`) });
  }
}

test("F44: what the first version left to its next leader is counted and removed, by its owner", async () => {
  await using bench = await startPrepullBench();
  await leaveFormer(bench, ["ours", "theirs"]);
  const owner = { apiVersion: "apps/v1", kind: "Deployment", name: "lab-images", uid: "ours", controller: true };
  const puller = bench.puller({
    instance: own("lab-images"),
    formerInstance: INSTANCE,
    owner: { current: () => Promise.resolve(owner), invalidate: () => undefined },
  });
  assert.equal((await puller.recover(() => true, unending)).length, 1);
  const left = bench.pods().flatMap(({ metadata }) => metadata["ownerReferences"] ?? []);
  assert.deepEqual(left, [{ ...owner, uid: "theirs" }]);
  assert.equal(bench.pods().length, 3);
});
