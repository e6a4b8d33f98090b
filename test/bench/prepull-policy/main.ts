/** Prints row 11 of performance.md: `node test/bench/prepull-policy/main.ts`. */
import { formatPolicyTable, prepullPolicyTable } from "./table.ts";

process.stdout.write(`${formatPolicyTable(await prepullPolicyTable())}\n`);
