import assert from "node:assert/strict";
import { test } from "node:test";
import type { PullFailure } from "../../src/domain/prepull/pull.ts";
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
  const { pulls, work, types, context, clock, stop } = prepuller({ maxConcurrentPulls: 1 });
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
  assert.equal(context().refusal, null);
  assert.deepEqual(
    types().filter((type) => type.startsWith("pods.") || type.startsWith("refusal.")),
    ["refusal.dropped"],
  );
  await work({ lacking: nodes(1, ["daily"]) });
  assert.equal(pulls.running.size, 1, "at once");
  stop();
});
