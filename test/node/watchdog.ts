/** Started by each run: removes what the run has left once the process that has begun it is gone. Argument: its slot. */
import { text } from "node:stream/consumers";
import { removeIfDead } from "./run.ts";

// Nothing is written to this pipe: it ends with the process that holds its other end.
await text(process.stdin);
await removeIfDead(Number(process.argv[2]));
