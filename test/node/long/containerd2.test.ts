/** What holds on containerd 1 holds on containerd 2, without which no kubelet after 1.36 starts. */
import { brokenImagesContract } from "../broken-images.contract.ts";
import { fillContract } from "../fill.contract.ts";
import { kubeletContract } from "../kubelet.contract.ts";
import { startRealKubelet } from "../kubelet-peer.ts";
import { linksContract } from "../links.contract.ts";

const NAME = "containerd 2";

kubeletContract(NAME, () => startRealKubelet({ containerd: 2 }));
fillContract(NAME, { containerd: 2 });
brokenImagesContract(NAME, { containerd: 2 });
linksContract(NAME, { containerd: 2 });
