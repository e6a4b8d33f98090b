import assert from "node:assert/strict";
import { after, test } from "node:test";
import { NAMESPACE } from "./support/kubelets.ts";
import type { Peers } from "./support/peers.ts";
import { builtIn, podOn, podsOf, provePod, soon, startPrepullPeers } from "./support/prepull-scene.ts";
import { type Service, startReadyService } from "./support/service.ts";

const TIMES = { enabled: true, leaseDuration: 6, renewDeadline: 4, retryPeriod: 0.2 };
const { POD_NAMESPACE, DEPLOYMENT_NAME } = process.env;

after(() => {
  for (const [key, value] of Object.entries({ POD_NAMESPACE, DEPLOYMENT_NAME })) {
    if (value === undefined) delete process.env[key];
    else process.env[key] = value;
  }
});

/** A replica of the installation of this Deployment. */
async function install(peers: Peers, deployment: string, leaseName: string): Promise<Service> {
  process.env["POD_NAMESPACE"] = NAMESPACE;
  process.env["DEPLOYMENT_NAME"] = deployment;
  const prepuller = builtIn({ leaderElection: { ...TIMES, leaseName } });
  return startReadyService(peers.config({ images: { numDailies: 0 }, prepuller }));
}

/** What is reported of the lease, wherever it is reported. */
async function reported({ client, http, log }: Service) {
  const { status } = await client.call("GetPrepullStatus", {});
  const metrics = await (await fetch(`http://${http}/metrics`)).text();
  return {
    problems: status.problems.map(({ problemReason }) => problemReason),
    raised: log.filter(({ level, alert }) => level === "error" && alert === "prepull:lease").map(({ msg }) => msg),
    resolved: log.filter(({ msg, alert }) => msg === "alert resolved" && alert === "prepull:lease").length,
    active: Number(/^labimages_active_alerts (\d+)$/m.exec(metrics)?.[1]),
  };
}

function pullsOf({ log }: Service): number {
  return log.filter(({ msg }) => msg === "pulled").length;
}

test("F44: installations with leases of their own prepull side by side in one namespace", async () => {
  await using peers = await startPrepullPeers(["w_2077_42"]);
  peers.setNode("alder");
  await using one = await install(peers, "lab-images", "one");
  await podOn(peers, "alder", "w_2077_42");
  await using other = await install(peers, "lab-images-beta", "other");
  await soon(() => assert.deepEqual(podsOf(peers), ["alder w_2077_42", "alder w_2077_42"]));
  for (const pod of peers.cluster.list("pods")) provePod(peers, pod);
  await soon(() => assert.deepEqual([one, other].map(pullsOf), [1, 1]));
  await soon(() => assert.deepEqual(podsOf(peers), []));
  for (const service of [one, other]) {
    assert.deepEqual(await reported(service), { problems: [], raised: [], resolved: 0, active: 0 });
  }
});

test("F44: an installation that shares its lease with another reports it once, until the lease is its own", async () => {
  await using peers = await startPrepullPeers(["w_2077_42"]);
  peers.setNode("alder");
  await using one = await install(peers, "lab-images", "one");
  await using replica = await install(peers, "lab-images", "one");
  const pod = await podOn(peers, "alder", "w_2077_42");
  await using other = await install(peers, "lab-images-beta", "one");
  await soon(async () => assert.deepEqual((await reported(other)).problems, ["PROBLEM_REASON_LEASE_SHARED"]));
  const { raised, active } = await reported(other);
  assert.deepEqual([raised.length, active], [1, 1]);
  assert.match(
    raised[0] ?? "",
    /leaseName: the installation lab\.lab-images\.one has acquired .* a lease name of its own$/,
  );
  for (const service of [one, replica]) assert.deepEqual((await reported(service)).raised, []);

  await replica.stop(0);
  await one.stop(0);
  await soon(() => assert.equal(podsOf(peers).length, 2));
  assert.ok(
    peers.cluster.list("pods").some(({ metadata }) => metadata.uid === pod.metadata.uid),
    "left alone",
  );
  await soon(async () => assert.deepEqual(await reported(other), { problems: [], raised, resolved: 1, active: 0 }));
});
