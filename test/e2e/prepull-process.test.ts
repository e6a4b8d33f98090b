import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { type SimulatedKubernetes, startKubernetesApi } from "../../src/simulation/kubernetes/kubernetes-api.ts";
import { describeServiceRestarts } from "../cluster/service-restarts.contract.ts";
import type { ServicePeer } from "../cluster/service-round.ts";

const NAMESPACE = "lab";
let cluster: SimulatedKubernetes | null = null;
let folder = "";

function peer(): ServicePeer {
  if (cluster === null) throw new TypeError("the cluster has not started");
  const kubeconfig = join(folder, "kubeconfig");
  return { api: { url: cluster.url }, kubeconfig, namespace: NAMESPACE, leaseName: (round) => `lease-${round}` };
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "lab-images-e2e-"));
  cluster = await startKubernetesApi();
  cluster.put("namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
  await writeFile(join(folder, "kubeconfig"), cluster.kubeconfig);
});

after(async () => {
  await cluster?.close();
  await rm(folder, { recursive: true, force: true });
});

// The other moments, and several replicas at once, are tried on a real API server: test/cluster/service.test.ts.
describeServiceRestarts("the process and its pulls", { moments: ["while kubelets pull"], concurrency: true }, peer);
