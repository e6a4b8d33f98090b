import { type Kubelet, type KubeletOptions, startKubelet } from "../../src/simulation/kubelet/kubelet.ts";
import type { KubeletApiAddress } from "../../src/simulation/kubelet/kubelet-client.ts";
import { splitReference } from "../../src/simulation/kubelet/kubelet-images.ts";
import { createRegistryLink } from "../../src/simulation/kubelet/kubelet-pulls.ts";
import { type KubeletDelays, realKubeletDelays } from "../../src/simulation/kubelet/kubelet-settings.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";

/** Size of every image, bytes. */
export const IMAGE_BYTES = 1_000_000;

/** A pull that a kubelet has begun, whatever became of it. */
export interface BegunPull {
  readonly node: string;
  readonly digest: string;
}

/** Nodes with simulated kubelets, which count what they pull. */
export interface PlayedNodes extends AsyncDisposable {
  /** A node joins and has reported once; its pulls take no time unless its bandwidth is given. */
  join(name: string, options?: Partial<KubeletOptions>): Promise<Kubelet>;
  /** Pulls to the node fail with what this answers for a reference; null lets them be. */
  failPulls(node: string, fails: (reference: string) => string | null): void;
  /** Pulls that begin from now on get no byte, whatever happens, until what this answers is called. */
  hold(): () => void;
  /** In the order in which they began. */
  readonly pulls: readonly BegunPull[];
  /** The most that ran at one time. */
  readonly peak: number;
  /** Pulls that were begun although the same image had been begun on the same node before. */
  readonly repeated: readonly BegunPull[];
}

/** Delays of kubelets that are waited for, in the proportions of the real ones. */
const QUICK: KubeletDelays = {
  ...realKubeletDelays,
  imageReadMs: 100,
  statusMs: 50,
  pullBackoffMs: 2_000,
  pullBackoffMaxMs: 4_000,
  containerMs: 10,
};

/** Bandwidth at which an image takes so many milliseconds. */
export function bandwidthFor(milliseconds: number): number {
  return (IMAGE_BYTES * 1_000) / milliseconds;
}

/** Without any node yet. */
export function playNodes(api: KubeletApiAddress, delays: Partial<KubeletDelays> = {}): PlayedNodes {
  const pulls: BegunPull[] = [];
  const kubelets: Kubelet[] = [];
  const link = createRegistryLink(machineTime, 1e15);
  let peak = 0;
  let held: Promise<void> = Promise.resolve();
  const failures = new Map<string, (reference: string) => string | null>();
  const common = {
    api,
    link: {
      get running() {
        return link.running;
      },
      async transfer(bytes: number, limit: number, signal: AbortSignal) {
        await held;
        const transfer = link.transfer(bytes, limit, signal);
        peak = Math.max(peak, link.running);
        await transfer;
      },
    },
    bandwidthBytesPerSecond: 1e12,
    diskBytes: 1e15,
    delays: { ...QUICK, ...delays },
    resolve: (reference: string) => ({ digest: digestIn(reference), sizeBytes: IMAGE_BYTES }),
  };
  return {
    async join(name, options = {}) {
      const kubelet = await startKubelet({ ...common, name, ...options });
      kubelets.push(kubelet);
      kubelet.failPulls((reference) => {
        pulls.push({ node: name, digest: digestIn(reference) });
        return failures.get(name)?.(reference) ?? null;
      });
      return kubelet;
    },
    failPulls: (node, fails) => void failures.set(node, fails),
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return resolve;
    },
    pulls,
    get peak() {
      return peak;
    },
    get repeated() {
      const known = new Set<string>();
      return pulls.filter(({ node, digest }) => known.size === known.add(`${node} ${digest}`).size);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(kubelets.map((kubelet) => kubelet.stop()));
    },
  };
}

function digestIn(reference: string): string {
  return splitReference(reference).digest ?? "";
}
