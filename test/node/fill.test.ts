import { fillContract } from "./fill.contract.ts";

fillContract("two real nodes");
