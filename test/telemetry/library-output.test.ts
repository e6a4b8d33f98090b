import assert from "node:assert/strict";
import output from "node:console";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Metadata } from "@grpc/grpc-js";
import { captureLibraryOutput } from "../../src/telemetry/library-output.ts";
import { logLines } from "../support/log-lines.ts";
import { manualClock } from "../support/manual-clock.ts";

const CANARY = "canary-9f8e7d6c";

function capture(context: TestContext) {
  const logger = logLines();
  const clock = manualClock();
  const release = captureLibraryOutput(logger, clock);
  context.after(release);
  const outputs = () => logger.lines.map(({ level, fields }) => [level, fields["output"]]);
  return { logger, clock, release, outputs };
}

function print(method: "error" | "log", ...values: unknown[]): void {
  output[method](...values);
}

test("F61: what libraries print is logged, on one line, without secrets and not at any length", async (context) => {
  const { logger, outputs } = capture(context);
  print("error", "E first\n  line %s", "with a value");
  print("log", "the token=%s is a secret", CANARY);
  process.stderr.write(`Bearer ${CANARY} ${"x".repeat(10_000)}\n`);
  process.emitWarning("something is deprecated", "SomeWarning");
  await turn();
  assert.deepEqual(outputs().slice(0, 2), [
    ["warn", "E first line with a value"],
    ["debug", "the token=[redacted] is a secret"],
  ]);
  assert.equal(outputs()[3]?.[1], "something is deprecated");
  assert.equal(logger.lines[3]?.fields["name"], "SomeWarning");
  assert.ok(!JSON.stringify(logger.lines).includes(CANARY));
  assert.ok(String(outputs()[2]?.[1]).length <= 200);
});

test("F61: what grpc-js prints of metadata that it cannot read has no value", (context) => {
  const { outputs } = capture(context);
  Metadata.fromHttp2Headers({ "x-anything": `${CANARY}\u00e9 and ${CANARY}` });
  assert.deepEqual(outputs(), [["warn", "E Failed to add metadata entry x-anything: [redacted]"]]);
});

test("F61: a flood is counted, and not logged", async (context) => {
  const { logger, clock, outputs } = capture(context);
  for (let line = 0; line < 1_000; line++) print("error", `line ${line}`);
  assert.equal(outputs().length, 20);
  await clock.advance(10_000);
  const last = logger.lines.at(-1);
  assert.deepEqual([last?.level, last?.fields["dropped"]], ["warn", 980]);
  print("error", "after that");
  assert.equal(logger.lines.at(-1)?.fields["output"], "after that");
});

test("once it is released everything prints as before, and nothing waits", (context) => {
  const stderr = process.stderr;
  const { error } = output;
  const listeners = process.listeners("warning");
  const { clock, release } = capture(context);
  print("error", "a line");
  assert.notEqual(process.stderr, stderr);
  release();
  assert.equal(process.stderr, stderr);
  assert.equal(output.error, error);
  assert.deepEqual(process.listeners("warning"), listeners);
  assert.equal(clock.pending, 0);
});
