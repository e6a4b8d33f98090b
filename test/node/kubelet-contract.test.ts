import { kubeletContract } from "./kubelet.contract.ts";
import { startRealKubelet } from "./kubelet-peer.ts";

kubeletContract("containerd 1", startRealKubelet);
