import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { eventually } from "../support/eventually.ts";
import type { PrepullStatus } from "../support/grpc-messages.ts";
import { PATCH } from "./api-client.ts";
import { findControlPlaneBinaries } from "./binaries.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import {
  describeServiceCap,
  describeServiceReplicas,
  describeServiceRestarts,
  everyMoment,
} from "./service-restarts.contract.ts";
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

const DEPLOY = join(import.meta.dirname, "../../deploy");
/** Namespace, account and Deployment of `deploy/`. */
const DEPLOYED = "lab-images";
/** The only lease that the role of `deploy/` allows. */
const LEASE = "lab-images-prepuller";
const MEASUREMENTS = 30;
/** What is promised (docs/spec/refresh.md), milliseconds. */
const PROMISED_MS = 1_000;

const lookup = await findControlPlaneBinaries();
const skip = lookup.available ? false : `did not run: ${lookup.reason}`;

let plane: ControlPlane | null = null;
let kubeconfig = "";

function control(): ControlPlane {
  if (plane === null) throw new TypeError("the control plane has not started");
  return plane;
}

function peer(): ServicePeer {
  const { url, adminToken, caPem } = control();
  return { api: { url, token: adminToken, ca: caPem }, kubeconfig, namespace: DEPLOYED, leaseName: () => LEASE };
}

/** Median, 99th percentile (of so few: the greatest but what rounds away) and the greatest, milliseconds. */
function figures(times: readonly number[]) {
  const sorted = times.toSorted((one, other) => one - other);
  const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return { median: at(0.5), p99: at(0.99), greatest: at(1) };
}

/** Times each of the changes from the request to the answer over gRPC that shows it. */
async function measure(
  { client }: Replica,
  what: string,
  context: TestContext,
  change: (number: number) => Promise<(status: PrepullStatus) => boolean>,
): Promise<void> {
  const times: number[] = [];
  for (let number = 0; number < MEASUREMENTS; number += 1) {
    const changedAt = performance.now();
    const isShown = await change(number);
    await eventually(async () => assert.ok(isShown((await client.call("GetPrepullStatus", {})).status)), PATIENCE);
    times.push(performance.now() - changedAt);
  }
  const { median, p99, greatest } = figures(times);
  context.diagnostic(`${what}: median ${median} ms, 99th percentile ${p99} ms, greatest ${greatest} ms`);
  assert.ok(median < PROMISED_MS, `${what} shows after ${median} ms in the median`);
}

describe("the whole service on a real API server, with the rights of deploy/", { skip }, () => {
  before(async () => {
    // As the Deployment of deploy/ tells its pods; the processes that are started here inherit it.
    process.env["POD_NAMESPACE"] = DEPLOYED;
    process.env["DEPLOYMENT_NAME"] = DEPLOYED;
    plane = await startControlPlane();
    for (const file of (await readdir(DEPLOY)).filter((name) => name.endsWith(".yaml")).toSorted()) {
      await plane.apply(join(DEPLOY, file));
    }
    kubeconfig = await plane.kubeconfigForServiceAccount(DEPLOYED, DEPLOYED);
  });

  after(() => plane?.stop());

  it("prepulls to the end, and a new weekly after that; the pods are our Deployment's", async () => {
    await using round = await startRound(peer(), "plain", { nodes: { alder: 300, beech: 100, cedar: 0 }, images: 3 });
    const service = await round.start();
    await untilDone(round);
    await untilNothingIsMissing(service);
    assertOnce(round);
    assert.deepEqual(new Set(round.history.pods.flatMap(({ owners }) => owners)), new Set(["Deployment"]));
    round.push("w_2077_50");
    await service.client.call("Refresh", {});
    await round.join("dogwood");
    await untilDone(round, 4);
    await untilNothingIsMissing(service);
    assertOnce(round, 4);
    assert.equal(service.process.log.filter(({ level }) => level === "error").length, 0);
  });

  it("goes on by itself where the API server was killed and started again in the middle (K10)", async () => {
    await using round = await startRound(peer(), "restart", { nodes: { alder: 3_000, beech: 1_000 }, images: 3 });
    const service = await round.start();
    await eventually(() => assert.ok(round.nodes.pulls.length >= 2), PATIENCE);
    await control().restartApiServer("SIGKILL");
    await untilDone(round);
    await untilNothingIsMissing(service);
    assert.deepEqual([round.history.repeated, round.nodes.repeated], [[], []]);
    const { status, state } = await service.client.call("GetPrepullStatus", {});
    assert.equal(state.stale, false);
    assert.ok(status.sources.every(({ ok }) => ok));
    await control().restartControllers();
  });

  describeServiceRestarts("its process ends", { moments: everyMoment, concurrency: false }, peer);
  describeServiceReplicas("its replicas", peer);
  describeServiceCap("keeps to the cap beside the pods that a killed process has left, and leaves none (P1)", peer);

  it("shows a node that joins and an image that arrives within a second", async (context) => {
    await using round: Round = await startRound(peer(), "seen", { nodes: { alder: 0 }, images: 1 });
    const { api } = control();
    const service = await round.start({ enabled: false });
    await service.untilServing();
    const path = "/api/v1/nodes";
    const labels = { round: "seen" };
    const names = Array.from({ length: MEASUREMENTS }, (_, number) => `seen-${number}`);
    const conditions = [{ type: "Ready", status: "True", reason: "KubeletReady" }];
    const { images } = await service.client.call("ListImages", {});
    const [image] = images;
    assert.ok(image !== undefined);
    try {
      await measure(service, "a node that joins", context, async (number) => {
        const name = names[number];
        const body = { apiVersion: "v1", kind: "Node", metadata: { name, labels } };
        await api.request("POST", path, { body });
        return ({ nodes }) => nodes.some((node) => node.name === name);
      });
      await measure(service, "an image that arrives", context, async (number) => {
        const name = names[number];
        const reported = [
          { names: [`${image.reference.split(":").slice(0, -1).join(":")}@${image.digest}`], sizeBytes: 1 },
        ];
        const body = { status: { conditions, images: reported } };
        await api.request("PATCH", `${path}/${name}/status`, { body, contentType: PATCH.strategic });
        return ({ nodes }) => nodes.some((node) => node.name === name && node.cached.length > 0);
      });
    } finally {
      for (const name of names) await api.request("DELETE", `${path}/${name}`).catch(() => undefined);
    }
  });
});
