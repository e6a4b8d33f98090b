/**
 * A complete prepuller outside of lab-images: it waits at the gate for each data refresh, asks what is missing, runs a pod
 * for each image (one at a time on a node, and no node waits for another), and reports how it went.
 * `node examples/outside-prepuller.ts [HOST:PORT]`, with the cluster of the current kubeconfig.
 */
import { setTimeout as pause } from "node:timers/promises";
import { credentials, loadPackageDefinition, type requestCallback } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { CoreV1Api, KubeConfig, type V1Pod } from "@kubernetes/client-node";
import type { ProtoGrpcType } from "../src/grpc/gen/image_service.ts";
import type { NodeMissingImages__Output as NodeMissing } from "../src/grpc/gen/labimages/v1/NodeMissingImages.ts";

const includeDirs = [`${import.meta.dirname}/../proto`];
const proto = loadSync("labimages/v1/image_service.proto", { includeDirs, arrays: true });
const { ImageService } = (loadPackageDefinition(proto) as unknown as ProtoGrpcType).labimages.v1;
const namespace = "default";

/** Works until `signal` aborts; the service may come and go. `pollMs`: milliseconds between two looks at a pod. */
export async function runOutsidePrepuller(address: string, core: CoreV1Api, signal: AbortSignal, pollMs = 1_000) {
  const client = new ImageService(address, credentials.createInsecure());
  const busy = new Set<string>();

  function call<Q, A>(method: (request: Q, done: requestCallback<A>) => unknown, request: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      method.call(client, request, (error, answer) => (answer === undefined ? reject(error) : resolve(answer)));
    });
  }

  async function fill({ node, images }: NodeMissing): Promise<void> {
    for (const { pullReference: reference } of images) {
      await call(client.ReportPrepull, { reference, node, prepullState: "PREPULL_STATE_PULLING" });
      const failure = await pull(core, node, reference, signal, pollMs);
      if (failure === null) await call(client.MarkPrepulled, { reference, node });
      else await call(client.ReportPrepull, { reference, node, prepullState: "PREPULL_STATE_FAILED", ...failure });
    }
  }

  async function fillAll(pageToken = ""): Promise<void> {
    const { nodes, nextPageToken } = await call(client.ListMissingImages, { pageToken });
    for (const entry of nodes) {
      if (busy.has(entry.node)) continue;
      busy.add(entry.node);
      const done = () => busy.delete(entry.node);
      void fill(entry).catch(complain).then(done);
    }
    if (nextPageToken) await fillAll(nextPageToken);
  }

  while (!signal.aborted) {
    const gate = client.waitForRefresh({ holder: "outside-prepuller" });
    const leave = () => gate.cancel();
    signal.addEventListener("abort", leave, { once: true });
    try {
      for await (const _refresh of gate) await fillAll();
    } catch (error) {
      if (!signal.aborted) complain(error);
    }
    signal.removeEventListener("abort", leave);
    await pause(pollMs, undefined, { signal }).catch(() => undefined);
  }
  client.close();
}

/** Null where a container was created from the image, whatever became of it: that is the proof of the pull. */
async function pull(core: CoreV1Api, node: string, image: string, signal: AbortSignal, pollMs: number) {
  const { metadata } = await core.createNamespacedPod({ namespace, body: podFor(node, image) });
  const name = metadata?.name ?? "";
  try {
    for (;;) {
      const { status = {} } = await core.readNamespacedPod({ namespace, name });
      const container = status.containerStatuses?.[0];
      const waiting = container?.state?.waiting;
      if (container?.imageID) return null;
      if (status.phase === "Failed" || waiting?.reason === "ErrImagePull") {
        const { reason = "Failed", message = "" } = waiting ?? status;
        return { reason, message: message.replace(/\s+/g, " ").slice(0, 1_000) };
      }
      await pause(pollMs, undefined, { signal });
    }
  } finally {
    await core.deleteNamespacedPod({ namespace, name });
  }
}

function podFor(nodeName: string, image: string): V1Pod {
  const container = { name: "pull", image, command: ["/bin/true"] };
  const limits = { restartPolicy: "Never", automountServiceAccountToken: false, activeDeadlineSeconds: 600 };
  return { metadata: { generateName: "prepull-" }, spec: { nodeName, ...limits, containers: [container] } };
}

const complain = (error: unknown) => void process.stderr.write(`${error instanceof Error ? error.message : error}\n`);

if (import.meta.main) {
  const config = new KubeConfig();
  config.loadFromDefault();
  const [address = "127.0.0.1:50051"] = process.argv.slice(2);
  await runOutsidePrepuller(address, config.makeApiClient(CoreV1Api), new AbortController().signal);
}
