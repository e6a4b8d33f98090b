import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { createSystemClock } from "../../src/telemetry/system-clock.ts";

const MODULE = join(import.meta.dirname, "..", "..", "src", "telemetry", "system-clock.ts");

test("both scales are the system's", () => {
  const clock = createSystemClock();
  assert.ok(Math.abs(clock.wallTime() - Date.now()) < 1_000);
  assert.ok(Math.abs(clock.monotonicTime() - performance.now()) < 1_000);
});

test("callbacks run when they are due; what is no delay is due at once", async () => {
  const clock = createSystemClock();
  for (const delay of [5, 0, -5, Number.NaN]) {
    const start = clock.monotonicTime();
    await new Promise<void>((resolve) => clock.schedule(delay, resolve));
    // Node may be a millisecond early: it counts from the time of the turn, in whole milliseconds.
    assert.ok(clock.monotonicTime() - start >= (delay > 0 ? delay - 1.5 : 0));
  }
});

test("a delay of 60 days is kept, not cut to nothing, and can be taken back in its second month", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const pass = (milliseconds: number) => {
    now += milliseconds;
    t.mock.timers.tick(milliseconds);
  };
  const day = 86_400_000;
  const ran: string[] = [];
  const clock = createSystemClock();
  clock.schedule(60 * day, () => ran.push("kept"));
  const cancel = clock.schedule(60 * day, () => ran.push("taken back"));
  clock.schedule(Number.POSITIVE_INFINITY, () => ran.push("never"));
  for (let passed = 0; passed < 59; passed += 1) pass(day);
  assert.deepEqual(ran, []);
  cancel();
  for (let passed = 0; passed < 2; passed += 1) pass(day);
  assert.deepEqual(ran, ["kept"]);
});

test("a timer keeps the process alive unless the clock is made otherwise", () => {
  const run = (options: string) => {
    const code = `import { createSystemClock } from ${JSON.stringify(MODULE)};
      createSystemClock(${options}).schedule(300, () => process.stdout.write("ran"));`;
    return spawnSync(process.execPath, ["--input-type=module", "--eval", code], { encoding: "utf8" }).stdout;
  };
  assert.equal(run(""), "ran");
  assert.equal(run("{ keepsProcessAlive: false }"), "");
});
