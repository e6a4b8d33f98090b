import { brokenImagesContract } from "./broken-images.contract.ts";

brokenImagesContract("containerd 1");
