import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type CaseRunner, runDirectory, type Tally } from "./run-directory.ts";

/** Runs files, given by name, with one runner for cases of the kind `echo`. */
async function run(
  context: TestContext,
  files: Record<string, unknown>,
  runner: CaseRunner,
): Promise<[Tally, string[]]> {
  const directory = await mkdtemp(join(tmpdir(), "conformance-"));
  context.after(() => rm(directory, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(directory, name), typeof content === "string" ? content : JSON.stringify(content));
  }
  const lines: string[] = [];
  const tally = await runDirectory(
    directory,
    (file) => (file === "echo" ? runner : undefined),
    (line) => lines.push(line),
  );
  return [tally, lines];
}

const CASES = [
  { id: "one", expected: { n: 1 } },
  { id: "two", expected: { n: 2 } },
];

test("cases are counted, and the first difference of those that fail is reported", async (context) => {
  const files = { "a.json": { file: "echo", count: 2, cases: CASES }, "notes.txt": "not read" };
  assert.deepEqual(await run(context, files, async () => ({ n: 1 })), [
    { passed: 1, failed: 1 },
    ["two: n: expected 2, actual 1"],
  ]);
});

test("a case whose runner throws fails alone", async (context) => {
  const [tally, lines] = await run(context, { "a.json": { file: "echo", count: 2, cases: CASES } }, () => {
    throw new Error("broken");
  });
  assert.deepEqual(tally, { passed: 0, failed: 2 });
  assert.match(lines[0] ?? "", /^one: threw .*broken/);
});

test("a file without runner fails, also when it is empty", async (context) => {
  const files = { "a.json": { file: "b", count: 2, cases: CASES }, "c.json": { file: "c", count: 0, cases: [] } };
  assert.deepEqual(await run(context, files, () => null), [{ passed: 0, failed: 3 }, ["b: no runner", "c: no runner"]]);
});

test("a file that is broken, or has lost cases, fails", async (context) => {
  const files = { "a.json": "{", "b.json": { file: "echo", count: 3, cases: CASES } };
  const [tally, lines] = await run(context, files, () => null);
  assert.deepEqual(tally, { passed: 0, failed: 2 });
  assert.match(lines.join("\n"), /a\.json: .*\nb\.json: /);
});
