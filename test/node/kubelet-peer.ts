import { sha256 } from "../support/registry-writer.ts";
import { startCluster } from "./cluster.ts";
import { createImage, createIndex, createProgramLayer, createRandomLayer, FOREIGN_ARCHITECTURE } from "./images.ts";
import type { KubeletPeer } from "./kubelet.contract.ts";
import type { NodeOptions } from "./node.ts";
import { openRepository } from "./service.ts";

const LAYER_BYTES = 1_500_000;
/** A slow image takes 25 s: on a busy machine a look at the runtime takes seconds. */
const SLOW_BYTES_PER_SECOND = LAYER_BYTES / 25;

/** Starts one real node: containerd, runc and a kubelet. */
export async function startRealKubelet(options: NodeOptions = {}): Promise<KubeletPeer> {
  const cluster = await startCluster({ nodes: { alder: options } });
  const node = cluster.node("alder");
  const repository = openRepository(cluster, "lab/contract");
  return {
    api: cluster.plane.api,
    node: node.name,
    absentReference: `${cluster.registry.host}/${repository.name}:absent`,
    importedName: "lab-images.test/pause:1",
    async push(tag, { hasProgram = true, isIndex = false } = {}) {
      const layer = await createRandomLayer(LAYER_BYTES);
      const layers = hasProgram ? [await createProgramLayer(), layer] : [layer];
      const image = createImage({ layers });
      const foreign = createImage({ layers: [layer], architecture: FOREIGN_ARCHITECTURE });
      const digest = await repository.push([tag], isIndex ? createIndex([foreign, image]) : image);
      return {
        reference: `${cluster.registry.host}/${repository.name}:${tag}@${digest}`,
        digest,
        isFetching: () => node.runtime.isFetching(sha256(layer.blob)),
        isPresent: async () => (await node.runtime.imageNames()).some((name) => name.endsWith(`@${digest}`)),
      };
    },
    setSlow(isSlow) {
      // Connections that are kept alive would go on at the speed of before; one that has met a fault keeps it.
      if (isSlow) node.link.cutAll();
      node.link.setFault(isSlow ? { kind: "drip", bytesPerSecond: SLOW_BYTES_PER_SECOND } : null);
    },
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
}
