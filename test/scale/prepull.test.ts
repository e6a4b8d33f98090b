import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startKubernetesApi } from "../../src/simulation/kubernetes/kubernetes-api.ts";
import { assertOnce, startRound, untilDone, untilNothingIsMissing } from "../cluster/service-round.ts";

const NAMESPACE = "lab";
const NODES = 200;
const IMAGES = 3;
const MOST_PULLS = 50;
/** Bandwidths differ, and one node in ten is much slower than the rest; milliseconds an image. */
const SLOW_MS = 500;
const QUICK_MS = 20;
/** Real kubelets read their images every 30 s, long after a pod has shown that its pull is over. */
const DELAYS = { imageReadMs: 30_000, statusMs: 500 };

test("200 nodes are filled to the end: one pod an image and node, within the cap, and no pull wasted", async (context) => {
  await using cleanup = new AsyncDisposableStack();
  const folder = cleanup.adopt(await mkdtemp(join(tmpdir(), "lab-images-e2e-")), (it) => rm(it, { recursive: true }));
  const cluster = cleanup.adopt(await startKubernetesApi(), (it) => it.close());
  cluster.put("namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
  const kubeconfig = join(folder, "kubeconfig");
  await writeFile(kubeconfig, cluster.kubeconfig);
  const api = { url: cluster.url };
  const peer = { api, kubeconfig, namespace: NAMESPACE, leaseName: () => "lab-images-prepuller" };
  const names = Array.from(
    { length: NODES },
    (_, index) => [`n${index}`, index % 10 === 0 ? SLOW_MS : QUICK_MS] as const,
  );
  await using round = await startRound(peer, "scale", {
    nodes: Object.fromEntries(names),
    images: IMAGES,
    delays: DELAYS,
  });
  // The timings of production: two hundred kubelets and their API server take all of a machine.
  const startedAt = performance.now();
  const service = await round.start({ maxConcurrentPulls: MOST_PULLS, leaderElection: { leaseName: round.leaseName } });
  await untilDone(round);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  await untilNothingIsMissing(service);
  const { pods, lost, repeated, peak: mostPods } = round.history;
  const { pulls, peak } = round.nodes;
  context.diagnostic(
    `${NODES} nodes, ${IMAGES} images, ${seconds} s: ${pods.length} pods created, at most ${mostPods} at one time; ` +
      `${pulls.length} pulls, at most ${peak} at one time, ${round.nodes.repeated.length} of them repeated, ` +
      `${lost.length} pods lost before their pull, ${repeated.length} made again`,
  );
  assertOnce(round);
  assert.ok(peak <= MOST_PULLS, `${peak} pulls at one time`);
  assert.ok(mostPods <= MOST_PULLS, `${mostPods} pods at one time`);
});
