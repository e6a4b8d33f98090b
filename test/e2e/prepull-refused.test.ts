import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiFailure } from "../../src/simulation/kubernetes/kubernetes-status.ts";
import { builtIn, podsOf, soon, startPrepullPeers, untilTaskIs } from "./support/prepull-scene.ts";
import { startReadyService } from "./support/service.ts";

const NODES = 150;
const CAP = 20;

test("F21: what would be refused is found by a dry run before the first burst, and reported once", async () => {
  await using peers = await startPrepullPeers(["w_2077_42", "w_2077_43"]);
  const { cluster } = peers;
  for (let index = 0; index < NODES; index += 1) peers.setNode(`n${index}`);
  cluster.admit((plural, object) => {
    if (plural !== "pods") return object;
    throw new ApiFailure(403, "Forbidden", "violates PodSecurity");
  });
  const creates = () =>
    cluster.requests.filter(({ method, target }) => method === "POST" && /\/pods($|\?)/.test(target));
  const prepuller = builtIn({ maxConcurrentPulls: CAP });
  await using service = await startReadyService(peers.config({ images: { numDailies: 0 }, prepuller }));
  const problems = async () => {
    const { status } = await service.client.call("GetPrepullStatus", {});
    return status.problems.map(({ problemReason, message }) => `${problemReason}: ${message}`);
  };
  await soon(async () =>
    assert.match((await problems()).join(), /^PROBLEM_REASON_PODS_REFUSED: .*violates PodSecurity/),
  );
  const alerts = () => service.log.filter(({ level, alert }) => level === "error" && alert === "prepull:pods");
  assert.equal(alerts().length, 1);

  peers.push("w_2077_44");
  await service.client.call("Refresh", {});
  await untilTaskIs({ peers, service }, "n0", "w_2077_44", "WAITING");
  const [first, ...others] = creates().map(({ target }) => target);
  assert.match(first ?? "", /dryRun=All/);
  assert.ok(others.length <= 2, `${others.length} creates`);
  assert.deepEqual([podsOf(peers), alerts().length], [[], 1]);
});
