import assert from "node:assert/strict";
import { test } from "node:test";
import type { PullFailure } from "../../src/domain/prepull/pull.ts";
import { digest } from "../support/image-world.ts";
import { nodes, prepuller } from "../support/prepuller-world.ts";

function refusal(message: string, reason = "Forbidden"): PullFailure {
  return { failureClass: "refused", reason, message };
}

test("F51: another reason of a refusal is said, and one that differs in names and counts only is not", async () => {
  const { pulls, work, news, clock, stop } = prepuller({ maxConcurrentPulls: 1 });
  const told = () => news().flatMap(({ type, ...rest }) => (type === "pods.refused" ? [rest["failure"]] : []));
  const refuse = async (failure: PullFailure) => {
    for (const pull of [...pulls.running.values()]) pull.end({ type: "pull.failed", failure });
    await clock.advance(60_000);
    assert.equal(pulls.running.size, 1);
  };
  const quota = (pod: string, used: number) =>
    refusal(`pods "prepull-${pod.repeat(40)}" is forbidden: exceeded quota: used: pods=${used}`);
  await work({ lacking: nodes(9, ["weekly"]) });
  await refuse(quota("a", 9));
  assert.deepEqual(told(), [quota("a", 9)]);
  await refuse(quota("b", 10));
  assert.deepEqual(told(), []);
  const others = [
    refusal("no service account"),
    refusal("no service account", "Invalid"),
    { ...refusal("no service account", "Invalid"), failureClass: "kubernetes-unavailable" } as const,
  ];
  for (const other of others) {
    await refuse(other);
    assert.deepEqual(told(), [other]);
  }
  stop();
});

test("F29: a refusal is forgotten when nothing is left to be pulled, and found again by the next pod", async () => {
  const { pulls, work, types, state, clock, stop } = prepuller({ maxConcurrentPulls: 1 });
  await work({ lacking: nodes(60, ["weekly"]) });
  // Actors are started in slices.
  await clock.advance(100);
  for (const pull of [...pulls.running.values()]) pull.end({ type: "pull.failed", failure: refusal("exceeded quota") });
  await clock.advance(0);
  assert.deepEqual(
    types().filter((type) => type.startsWith("pods.") || type.startsWith("refusal.")),
    ["pods.refused"],
  );
  await work({ lacking: {} });
  await clock.advance(100);
  assert.equal(state().refusal, null);
  assert.deepEqual(
    types().filter((type) => type.startsWith("pods.") || type.startsWith("refusal.")),
    ["refusal.dropped"],
  );
  await work({ lacking: nodes(1, ["daily"]) });
  assert.equal(pulls.running.size, 1, "at once");
  stop();
});

test("F29: an image that is refused alone waits alone: all others are pulled, and it is tried again now and then", async () => {
  const { pulls, work, types, state, clock, stop } = prepuller({ maxConcurrentPulls: 4 });
  const count = 40;
  const left = new Map(Object.entries(nodes(count, ["recommended", "weekly", "daily"])));
  await work({ lacking: Object.fromEntries(left) });
  let tries = 0;
  let isSigned = false;
  // Admission refuses the recommended image, and accepts the others.
  const answer = async () => {
    for (const pull of [...pulls.running.values()]) {
      if (pull.order.digest === digest("recommended") && !isSigned) {
        tries += 1;
        pull.end({ type: "pull.failed", failure: refusal("image is not signed") });
      } else {
        pull.end({ type: "pull.accepted" });
        pull.end({ type: "pull.succeeded" });
      }
    }
    await clock.advance(1_000);
  };
  const lacking = (name: string) =>
    count -
    new Set(pulls.started.filter((start) => start.endsWith(digest(name))).map((start) => start.split(" ")[0])).size;
  for (let second = 0; second < 120; second += 1) await answer();
  assert.deepEqual([lacking("weekly"), lacking("daily")], [0, 0], "within two minutes");
  assert.ok(tries <= 16, `${tries} pods of the image in two minutes`);
  assert.ok(!types().includes("pods.refused"));
  const before = tries;
  for (let second = 0; second < 600; second += 1) await answer();
  assert.ok(tries - before >= 8 && tries - before <= 20, `${tries - before} pods in ten minutes`);
  isSigned = true;
  for (let second = 0; second < 300; second += 1) await answer();
  assert.equal(lacking("recommended"), 0);
  assert.equal(state().refusal, null);
  assert.ok(!types().includes("pods.refused"));
  stop();
});

test("F29: two images that are refused do not keep a third one waiting, also where they were refused in a row", async () => {
  const { pulls, work, clock, stop } = prepuller({ maxConcurrentPulls: 4 });
  await work({ lacking: nodes(20, ["recommended", "weekly", "daily"]) });
  for (let second = 0; second < 300; second += 1) {
    for (const pull of [...pulls.running.values()]) {
      if (pull.order.digest === digest("daily")) pull.end({ type: "pull.accepted" });
      if (pull.order.digest === digest("daily")) pull.end({ type: "pull.succeeded" });
      else pull.end({ type: "pull.failed", failure: refusal("image is not signed") });
    }
    await clock.advance(1_000);
  }
  assert.equal(pulls.started.filter((start) => start.endsWith(digest("daily"))).length, 20);
  assert.ok(pulls.started.length < 70, `${pulls.started.length} pods`);
  stop();
});

test("F29: a quota below the cap is no alert, and no burst of pods comes whenever one is accepted", async () => {
  const { pulls, work, types, clock, stop } = prepuller({ maxConcurrentPulls: 20 });
  await work({ lacking: nodes(50, ["weekly", "daily", "release", "other"]) });
  const accepted = new Map<string, number>();
  let largest = 0;
  let done = 0;
  for (let second = 0; second < 1_800; second += 1) {
    let refused = 0;
    for (const [key, pull] of [...pulls.running]) {
      const since = accepted.get(key);
      if (since !== undefined) {
        if (second - since < 30) continue;
        accepted.delete(key);
        done += 1;
        pull.end({ type: "pull.succeeded" });
      } else if (accepted.size < 5) {
        accepted.set(key, second);
        pull.end({ type: "pull.accepted" });
      } else {
        refused += 1;
        pull.end({ type: "pull.failed", failure: refusal("exceeded quota") });
      }
    }
    if (second > 0) largest = Math.max(largest, refused);
    await clock.advance(1_000);
  }
  assert.deepEqual(
    types().filter((type) => type.startsWith("pods.")),
    [],
  );
  assert.ok(largest <= 4, `${largest} pods refused in a second`);
  assert.ok(done >= 100, `${done} pulls`);
  stop();
});

test("F29: after a refusal the turns are given 1, 2, 4 at a time", async () => {
  const { pulls, work, types, state, clock, stop } = prepuller({ maxConcurrentPulls: 16 });
  await work({ lacking: nodes(50, ["weekly"]) });
  for (const pull of [...pulls.running.values()]) pull.end({ type: "pull.failed", failure: refusal("exceeded quota") });
  await clock.advance(60_000);
  const tried: number[] = [];
  const accepted = new Set<string>();
  while (state().refusal !== null) {
    const fresh = [...pulls.running].filter(([key]) => !accepted.has(key));
    tried.push(fresh.length);
    for (const [key, pull] of fresh) {
      accepted.add(key);
      pull.end({ type: "pull.accepted" });
    }
    await clock.advance(0);
    if (tried.length > 9) break;
    for (const [key, pull] of pulls.running) if (accepted.has(key)) pull.end({ type: "pull.succeeded" });
    await clock.advance(0);
  }
  assert.deepEqual(tried, [1, 2, 4, 8]);
  assert.equal(pulls.running.size, 16);
  const said = types().filter((type) => type.startsWith("pods."));
  assert.deepEqual(said, ["pods.refused", "pods.accepted"]);
  stop();
});
