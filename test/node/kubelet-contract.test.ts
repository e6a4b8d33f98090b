import { kubeletContract } from "./kubelet.contract.ts";
import { startRealKubelet } from "./kubelet-peer.ts";

kubeletContract("containerd, runc and a kubelet", startRealKubelet);
