import assert from "node:assert/strict";
import { test } from "node:test";
import { digest } from "../support/image-world.ts";
import type { HeldPull } from "../support/prepull-world.ts";
import { nodes, prepuller } from "../support/prepuller-world.ts";

const NODES = 5_000;
const IMAGES = ["recommended"];
const MAX_PULLS = 100;
const PULL_MS = 30_000;
/** On one node in fifty the first pull hangs until its time-out, and comes to its end after twice that. */
const HANGING_MS = 1_200_000;
const MAX_VIRTUAL_MS = 4 * 3_600_000;

/** Milliseconds of processor time so far. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

test("5,000 nodes are filled to the end in virtual time: one pull a pair, within the slots, and no step takes long", async (context) => {
  const settings = { maxConcurrentPulls: MAX_PULLS, isAdaptive: true, sweepInterval: 10 ** 9 };
  const { pulls, work, clock, state, stop } = prepuller(settings);
  // A pull whose pod is kept goes on.
  pulls.withdrawn = "goes on";
  const left = new Map(Object.entries(nodes(NODES, IMAGES)).map(([node, names]) => [node, new Set(names)]));
  const full = Object.fromEntries([...left.keys()].map((node) => [node, IMAGES]));
  await work({ lacking: nodes(NODES, IMAGES) });
  const ends = new Map<string, { readonly at: number; readonly pull: HeldPull }>();
  const steps: number[] = [];
  const most = { inProgress: 0, inUse: 0, limit: 0 };
  let done = 0;
  let hung = 0;
  const step = (what: () => void) => {
    const before = processorTime();
    what();
    steps.push(processorTime() - before);
  };
  for (; clock.monotonicTime() < MAX_VIRTUAL_MS && done < NODES * IMAGES.length; await clock.advance(1_000)) {
    const now = clock.monotonicTime();
    for (const [key, pull] of pulls.running) {
      if (ends.has(key)) continue;
      const isHanging = pull.order.digest === digest("recommended") && Number(pull.order.node.slice(1)) % 50 === 0;
      hung += Number(isHanging);
      ends.set(key, { at: now + (isHanging ? HANGING_MS : PULL_MS), pull });
      step(() => pull.end({ type: "pull.accepted" }));
    }
    const { policy } = state();
    most.inProgress = Math.max(most.inProgress, pulls.running.size);
    most.inUse = Math.max(most.inUse, policy.slotsInUse);
    most.limit = Math.max(most.limit, policy.limit(now));
    for (const [key, { at, pull }] of ends) {
      if (at > now) continue;
      ends.delete(key);
      done += 1;
      left.get(pull.order.node)?.delete(pull.order.digest);
      step(() => pull.end({ type: "pull.succeeded" }));
    }
  }
  steps.sort((a, b) => a - b);
  const part = (share: number) => (steps[Math.floor(steps.length * share)] ?? 0).toFixed(1);
  context.diagnostic(
    `${NODES} nodes, ${IMAGES.length} image, ${hung} pulls that hang: ${(clock.monotonicTime() / 60_000).toFixed(0)} min of virtual time; ` +
      `${pulls.started.length} pods, ${pulls.started.length - done} wasted; at most ${most.inUse} slots in use of ${most.limit}, ` +
      `${most.inProgress} pulls in progress; steps: median ${part(0.5)}, 99 % ${part(0.99)}, longest ${part(1 - 1e-9)} ms of processor time`,
  );
  assert.equal(done, NODES * IMAGES.length);
  assert.equal(new Set(pulls.started).size, pulls.started.length, "no pull is repeated");
  assert.ok(most.inUse <= MAX_PULLS && most.inProgress <= 2 * MAX_PULLS);
  assert.ok(Number(part(0.99)) < 20, `${part(0.99)} ms`);
  await work({ lacking: {}, complete: full });
  await clock.advance(1_000);
  assert.equal(state().pulls.size, 0);
  stop();
});
