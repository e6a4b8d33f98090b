/** Prints median and worst of the figures that runs of the suite have appended to a file. Argument: its path. */
import { readFile } from "node:fs/promises";
import { describeSummary, summarizeFigures } from "./figures.ts";

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error("usage: npm run figures:node -- FILE");
for (const [what, summary] of summarizeFigures(await readFile(path, "utf8"))) {
  process.stdout.write(`${what}: ${describeSummary(summary)}\n`);
}
