/** What holds on containerd 1 holds on containerd 2, without which no kubelet after 1.36 starts. */
import { fillContract } from "../fill.contract.ts";
import { kubeletContract } from "../kubelet.contract.ts";
import { startRealKubelet } from "../kubelet-peer.ts";

kubeletContract("containerd 2, runc and a kubelet", () => startRealKubelet({ containerd: 2 }));
fillContract("two real nodes on containerd 2", { containerd: 2 });
