import { startKubelet } from "../../src/simulation/kubelet/kubelet.ts";
import { createRegistryLink } from "../../src/simulation/kubelet/kubelet-pulls.ts";
import { demoKubeletDelays, type PullableImage } from "../../src/simulation/kubelet/kubelet-settings.ts";
import { startKubernetesApi } from "../../src/simulation/kubernetes/kubernetes-api.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";
import { createApiClient } from "../cluster/api-client.ts";
import { type KubeletPeer, kubeletContract } from "../node/kubelet.contract.ts";

const REPOSITORY = "registry.example.org/lab";
const IMPORTED = "registry.example.org/imported:1";
const IMAGE_BYTES = 1_000_000;
/** A slow image takes 4 s, longer than the deadline of the contract's pod. */
const SLOW_BYTES_PER_SECOND = IMAGE_BYTES / 4;

/** A simulated kubelet behind the simulated API server. */
async function startPeer(): Promise<KubeletPeer> {
  const server = await startKubernetesApi();
  const api = createApiClient(server.url, "", "any");
  const images = new Map<string, PullableImage>();
  const fetching = new Set<number>();
  const fast = createRegistryLink(machineTime, 1e12);
  let isSlow = false;
  const kubelet = await startKubelet({
    api: { url: server.url },
    name: "node-a",
    link: {
      get running() {
        return fast.running;
      },
      async transfer(bytes, _, signal) {
        fetching.add(bytes);
        await fast.transfer(bytes, isSlow ? SLOW_BYTES_PER_SECOND : 1e12, signal);
        fetching.delete(bytes);
      },
    },
    bandwidthBytesPerSecond: 1e12,
    diskBytes: 1e12,
    delays: { ...demoKubeletDelays, imageReadMs: 20, statusMs: 20, pullBackoffMs: 50, containerMs: 1 },
    resolve: (reference) => images.get(reference) ?? null,
  });
  kubelet.importImage(IMPORTED, 1);
  return {
    api,
    node: "node-a",
    absentReference: `${REPOSITORY}:absent`,
    importedName: IMPORTED,
    async push(tag, { hasProgram = true } = {}) {
      const digest = `sha256:${String(images.size + 1).padStart(64, "0")}`;
      const reference = `${REPOSITORY}:${tag}@${digest}`;
      // The size tells the images apart.
      const sizeBytes = IMAGE_BYTES + images.size;
      images.set(reference, { digest, sizeBytes, runs: hasProgram });
      return {
        reference,
        digest,
        isFetching: async () => fetching.has(sizeBytes),
        isPresent: async () => kubelet.images.some((image) => image.digest === digest),
      };
    },
    setSlow(slow) {
      isSlow = slow;
    },
    async [Symbol.asyncDispose]() {
      await kubelet.stop();
      await api.close();
      await server.close();
    },
  };
}

kubeletContract("simulated", startPeer);
