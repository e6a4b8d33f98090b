/** Loaded before the program: its coordinator breaks at the first mark. */
import { breakGuard } from "./defects.ts";

breakGuard("coordinator", "hasGrownMissing", ({ event }) => event.type === "image.prepulled");
