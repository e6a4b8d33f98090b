/**
 * A complete prepuller outside of lab-images: at each data refresh it runs a pod for each image that is missing, one at a
 * time on a node, and reports how it went; the next refresh retries what failed. One process at a time, with the cluster
 * of the current kubeconfig: `node examples/outside-prepuller.ts [HOST:PORT]`. After a crash,
 * `kubectl delete pods -l lab-images/prepuller=outside-prepuller` removes the pods of what is not missing any more.
 */
import { addAbortListener } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { credentials, loadPackageDefinition, type requestCallback } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { CoreV1Api, KubeConfig, type V1Pod } from "@kubernetes/client-node";
import { DEFAULT_POD_OPTIONS } from "../src/domain/prepull/pod-options.ts";
import type { ProtoGrpcType } from "../src/grpc/gen/image_service.ts";
import { buildPrepullPod, type PrepullPodSettings } from "../src/kubernetes/pods/prepull-pod.ts";

const reading = { includeDirs: [`${import.meta.dirname}/../proto`], defaults: true, longs: Number };
const proto = loadSync("labimages/v1/image_service.proto", reading);
const { ImageService } = (loadPackageDefinition(proto) as unknown as ProtoGrpcType).labimages.v1;
const [instance, timeout] = ["outside-prepuller", 600_000];
/** Works until `signal` aborts; the service may come and go. `pollMs`: milliseconds between two looks at a pod. */
export async function runOutsidePrepuller(address: string, core: CoreV1Api, signal: AbortSignal, pollMs = 1_000) {
  const client = new ImageService(address, credentials.createInsecure(), { "grpc.keepalive_time_ms": 30_000 });
  const busy = new Map<string, Promise<unknown>>();

  const call = <Q, A>(method: (request: Q, done: requestCallback<A>) => unknown, request: Q) =>
    new Promise<A>((resolve, reject) => {
      method.call(client, request, (error, answer) => (answer === undefined ? reject(error) : resolve(answer)));
    });

  async function fill(settings: PrepullPodSettings, node: string, tried = new Set<string>()): Promise<void> {
    const { nodes } = await call(client.ListMissingImages, { node });
    const image = nodes[0]?.images.find(({ digest }) => !tried.has(digest));
    if (image === undefined || signal.aborted) return;
    const { pullReference: reference, digest } = image;
    await call(client.ReportPrepull, { reference, node, prepullState: "PREPULL_STATE_PULLING" });
    const pod = buildPrepullPod(settings, { node, nodeUid: node, reference, digest, podDeadline: timeout }, null);
    const end = await pull(core, pod, signal, pollMs).catch(({ name, message }: Error) => ({ reason: name, message }));
    const failure = { reason: end?.reason ?? "", message: (end?.message ?? "").replace(/\s+/g, " ").slice(0, 1_000) };
    const prepullState = signal.aborted ? "PREPULL_STATE_CANCELLED" : "PREPULL_STATE_FAILED";
    if (end === null) await call(client.MarkPrepulled, { reference, node });
    else await call(client.ReportPrepull, { reference, node, prepullState, ...failure });
    await fill(settings, node, tried.add(digest));
  }

  async function fillAll(settings: PrepullPodSettings, pageToken = ""): Promise<void> {
    const { nodes, nextPageToken } = await call(client.ListMissingImages, { pageToken });
    for (const { node } of nodes.filter((each) => !busy.has(each.node))) {
      const end = () => busy.delete(node);
      busy.set(node, fill(settings, node).catch(process.emitWarning).then(end));
    }
    if (nextPageToken) await fillAll(settings, nextPageToken);
  }

  while (!signal.aborted) {
    const gate = client.waitForRefresh({ holder: instance });
    using _leaving = addAbortListener(signal, () => gate.cancel());
    try {
      for await (const _refresh of gate) {
        const { config } = (await call(client.GetPrepullStatus, { pageSize: 1 })).status ?? {};
        const { namespace, pullSecret, tolerations = [] } = config ?? {};
        const own = { instance, namespace: namespace || "default", pullSecret: pullSecret || null, tolerations };
        await fillAll({ ...own, pod: DEFAULT_POD_OPTIONS });
      }
    } catch (error) {
      if (!signal.aborted) process.emitWarning(String(error));
    }
    await pause(pollMs, undefined, { signal }).catch(() => undefined);
  }
  await Promise.all(busy.values());
  client.close();
}

/** Null where a container was created from the image: the proof of the pull. A pod that is left over (409) is adopted. */
async function pull(core: CoreV1Api, body: V1Pod, signal: AbortSignal, pollMs: number) {
  const { name = "", namespace = "" } = body.metadata ?? {};
  const until = performance.now() + timeout;
  await core.createNamespacedPod({ namespace, body }).catch((error) => error.code === 409 || Promise.reject(error));
  try {
    for (; performance.now() < until; await pause(pollMs, null, { signal })) {
      const { status } = await core.readNamespacedPod({ namespace, name });
      const { imageID, state } = status?.containerStatuses?.find((each) => each.name === "prepull") ?? {};
      if (imageID) return null;
      if (/Image|Registry/.test(state?.waiting?.reason ?? "")) return { ...state?.waiting };
      if (status?.phase === "Failed") return { ...status };
    }
    return { reason: "Timeout", message: "no container was created from the image" };
  } finally {
    await core.deleteNamespacedPod({ namespace, name, body: { gracePeriodSeconds: 0 } }).catch(process.emitWarning);
  }
}

if (import.meta.main) {
  const config = new KubeConfig();
  config.loadFromDefault();
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => ending.abort());
  await runOutsidePrepuller(process.argv[2] ?? "127.0.0.1:50051", config.makeApiClient(CoreV1Api), ending.signal);
}
