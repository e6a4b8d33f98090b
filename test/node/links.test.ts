import { linksContract } from "./links.contract.ts";

linksContract("containerd 1");
