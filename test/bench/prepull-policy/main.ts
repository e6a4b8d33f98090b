/** Prints row 11 of docs/performance.md in full, and what follows from other values: `node test/bench/prepull-policy/main.ts`. */
import { formatPolicyTable, policySensitivity } from "./format.ts";
import { prepullPolicyTable, ROW_11 } from "./table.ts";

process.stdout.write(`${formatPolicyTable(await prepullPolicyTable())}\n`);
process.stdout.write(await policySensitivity(ROW_11));
