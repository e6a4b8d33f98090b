/**
 * The service in a memory cgroup of the limit that `deploy/` ships, under each pressure alone, and of twice that under all
 * together. Set where memory cgroups can be made; fails with one sentence where they cannot.
 */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createSemaphore } from "../../src/lib/concurrency.ts";
import { ALL_TOGETHER, PRESSURES, type Pressure, warmUp } from "./pressures.ts";
import { startMemoryScene } from "./scene.ts";

const MIB = 1_024 * 1_024;
const LIMIT = 512 * MIB;
const LIMIT_OF_ALL = 1_024 * MIB;
const MOST_OF_LIMIT = 0.9;
const SLOWEST_ANSWER_MS = 1_000;
const RECOVERY_MS = 60_000;
const LAST_LOOK_MS = 5_000;
const MOST_OF_BEFORE = 1.1;

const rows: string[][] = [];
/** One pressure at a time, so that each is measured by itself; the minutes after it overlap. */
const turn = createSemaphore(1);

async function measure({ name, kind, run }: Pressure, limit: number): Promise<void> {
  const release = await turn.acquire(new AbortController().signal);
  await using started = new AsyncDisposableStack();
  started.defer(release);
  const scene = started.use(await startMemoryScene(limit, kind));
  await warmUp(scene);
  const before = await scene.steadyBytes();
  await scene.prober.call("take", null);
  const peakOf = scene.watchPeak();
  await run(scene);
  release();
  const endedAt = performance.now();
  await pause(RECOVERY_MS - LAST_LOOK_MS);
  const left = await scene.medianBytes(RECOVERY_MS - (performance.now() - endedAt));
  const peak = peakOf();
  const { answers, slowestMs, failures } = await scene.prober.call("take", null);
  const stop = await scene.longestStop();
  const mib = (bytes: number) => (bytes / MIB).toFixed(0);
  rows.push([name, ...[limit, before, peak, left].map(mib), `${slowestMs.toFixed(0)} ms`, `${stop.toFixed(0)} ms`]);
  assert.equal(scene.group.kills(), 0, "the kernel has killed the service");
  assert.ok(answers > 500, `${answers} answers`);
  assert.deepEqual(failures, [], "answers to others");
  assert.ok(slowestMs <= SLOWEST_ANSWER_MS, `the slowest answer took ${slowestMs} ms`);
  assert.ok(peak <= limit * MOST_OF_LIMIT, `the peak was ${mib(peak)} MiB of ${mib(limit)}`);
  assert.ok(
    left <= before * MOST_OF_BEFORE,
    `${mib(left)} MiB are left after a minute, ${mib(before)} were held before`,
  );
}

describe("memory", { concurrency: 3 }, () => {
  for (const pressure of PRESSURES) test(`${pressure.name}, alone in 512 Mi`, () => measure(pressure, LIMIT));
  test("all together in 1 Gi", () => measure(ALL_TOGETHER, LIMIT_OF_ALL));

  after(() => {
    const head = ["pressure", "limit, MiB", "before", "peak", "after 60 s", "slowest answer", "longest stop"];
    const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
    process.stdout.write(`\n${lines.join("\n")}\n`);
  });
});
