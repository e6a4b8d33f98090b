import { type Kubelet, type KubeletOptions, startKubelet } from "../../../src/simulation/kubelet/kubelet.ts";
import { createRegistryLink } from "../../../src/simulation/kubelet/kubelet-pulls.ts";
import { demoKubeletDelays } from "../../../src/simulation/kubelet/kubelet-settings.ts";
import { machineTime } from "../../../src/simulation/kubernetes/kubernetes-time.ts";
import type { Peers } from "./peers.ts";

/** Where the built-in prepuller of the tests puts its pods. */
export const NAMESPACE = "lab";

const GIGABYTE = 1_000_000_000;
const delays = { ...demoKubeletDelays, imageReadMs: 20, statusMs: 20, pullBackoffMs: 50, containerMs: 1 };

/** A node that runs pods and pulls their images, at a speed (bytes a second) at which nobody has to wait unless told. */
export async function joinNode(
  { cluster }: Peers,
  name: string,
  bandwidthBytesPerSecond: number = 1_000 * GIGABYTE,
  more: Partial<KubeletOptions> = {},
): Promise<Kubelet & AsyncDisposable> {
  const kubelet = await startKubelet({
    api: { url: cluster.url },
    name,
    link: createRegistryLink(machineTime, bandwidthBytesPerSecond),
    bandwidthBytesPerSecond,
    diskBytes: 100 * GIGABYTE,
    delays,
    resolve: (reference) => ({ digest: reference.split("@")[1] ?? "", sizeBytes: 4 * GIGABYTE }),
    ...more,
  });
  return Object.assign(kubelet, { [Symbol.asyncDispose]: () => kubelet.stop() });
}
