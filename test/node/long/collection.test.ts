/** What a kubelet's image collector does by age. It looks when the kubelet starts, and every five minutes from then on. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { type RealCluster, startCluster } from "../cluster.ts";
import { failsUntil } from "../expected-failure.ts";
import { recordFigures } from "../figures.ts";
import type { RealNode } from "../node.ts";
import { openRepository, PATIENCE, type Repository, type Service, startService, weekly } from "../service.ts";

const PODS = "/api/v1/namespaces/default/pods";
/** The next look is at most five minutes away; the machine may be busy. */
const LOOK = { withinMs: 420_000, everyMs: 1_000 };

describe("a kubelet with imageMaximumGCAge", () => {
  let cluster: RealCluster;
  let node: RealNode;
  let pulled: Repository;
  let prepulled: Repository;
  let service: Service;
  let digests: { readonly gone: string; readonly ended: string; readonly prepulled: string };
  /** What the runtime was seen without. */
  const deleted = new Set<string>();
  const scope = new AsyncDisposableStack();

  before(async () => {
    // containerd 1.6 does not pin the image of the sandboxes, and the collector would take it, too.
    cluster = scope.use(
      await startCluster({ nodes: { alder: { containerd: 2, kubelet: { imageMaximumGCAge: "3m" } } } }),
    );
    node = cluster.node("alder");
    pulled = openRepository(cluster, "lab/contract");
    prepulled = openRepository(cluster, "lab/sketchbook");
    const wanted = await prepulled.push([weekly(1), "recommended"]);
    service = scope.use(await startService(cluster, prepulled));
    await service.untilComplete([wanted]);
    digests = { gone: await runPod("gone"), ended: await runPod("ended"), prepulled: wanted };
    await cluster.plane.api.request("DELETE", `${PODS}/gone`, { body: { gracePeriodSeconds: 0 } });
    for (const digest of Object.values(digests)) await eventually(async () => assert.ok(await has(digest)), PATIENCE);
  });
  after(() => scope.disposeAsync());

  /** Runs a pod to its end, on an image of its own; returns the image's digest. */
  async function runPod(name: string): Promise<string> {
    const digest = await pulled.push([name]);
    const container = {
      name: "main",
      image: `${cluster.registry.host}/${pulled.name}@${digest}`,
      command: ["/bin/true"],
    };
    const spec = {
      nodeName: node.name,
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      containers: [container],
    };
    await cluster.plane.api.request("POST", PODS, {
      body: { apiVersion: "v1", kind: "Pod", metadata: { name }, spec },
    });
    await eventually(async () => {
      const { status } = await cluster.plane.api.request<{ status: { phase: string } }>("GET", `${PODS}/${name}`);
      assert.equal(status.phase, "Succeeded");
    }, PATIENCE);
    return digest;
  }

  async function has(digest: string): Promise<boolean> {
    return (await node.runtime.imageNames()).some((name) => name.endsWith(`@${digest}`));
  }

  it("deletes an image whose pod has gone at the first look after its pull, whatever the age of the image", async (context) => {
    const startedAt = performance.now();
    await eventually(async () => assert.ok(!(await has(digests.gone))), LOOK);
    await recordFigures(context, "pod deleted until its image is, by imageMaximumGCAge", performance.now() - startedAt);
    // The collector deletes one image after the other. The service mends nothing before it has seen a report without it.
    await eventually(async () => {
      for (const digest of Object.values(digests)) if (!(await has(digest))) deleted.add(digest);
      assert.ok(!(await node.reports(digests.gone)));
    }, PATIENCE);
  });

  it("keeps the image of a pod that has ended and still exists", async () => {
    assert.ok(!deleted.has(digests.ended));
    assert.ok(await has(digests.ended));
  });

  it(
    "F73: keeps what the service has prepulled",
    failsUntil("F73", async () => assert.ok(!deleted.has(digests.prepulled), "the prepulled image was deleted")),
  );

  it("loses nothing for good: the service pulls what was deleted again", async () => {
    await service.untilComplete([digests.prepulled]);
    await eventually(async () => assert.ok(await has(digests.prepulled)), PATIENCE);
  });
});
