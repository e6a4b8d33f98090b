import { fillContract } from "./fill.contract.ts";

fillContract("containerd 1");
