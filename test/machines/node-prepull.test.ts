import assert from "node:assert/strict";
import { test } from "node:test";
import { initialTransition, transition } from "xstate";
import { getShortestPaths } from "xstate/graph";
import { isRetry, nextRecord } from "../../src/domain/prepull/pull-record.ts";
import type { PrepullState } from "../../src/domain/snapshot/answers.ts";
import { type NodePrepullEvent, nodePrepullMachine } from "../../src/machines/prepuller/node-prepull.ts";
import { digest } from "../support/image-world.ts";
import { target } from "../support/prepull-world.ts";

const WALL = Date.UTC(2077, 9, 23);
const RETRY = { waitMs: 5_000, isRetry: true };

function at(monotonic: number) {
  return { wall: WALL + monotonic, monotonic };
}

function wanted(names: readonly string[], monotonic = 0, present: readonly string[] = []): NodePrepullEvent {
  const targets = names.map(target);
  return {
    type: "work.changed",
    targets,
    setSize: 6,
    present: present.map(digest),
    missingCause: "its disk is small",
    now: at(monotonic),
  };
}

function failed(name: string, monotonic = 0): NodePrepullEvent {
  const failure = { failureClass: "other", reason: "ErrImagePull", message: `ErrImagePull of ${name}` } as const;
  return { type: "pull.failed", digest: digest(name), failure, retry: RETRY, now: at(monotonic) };
}

function started(name: string, monotonic = 0): NodePrepullEvent {
  return { type: "pull.started", digest: digest(name), now: at(monotonic) };
}

function succeeded(name: string, monotonic = 0): NodePrepullEvent {
  return { type: "pull.succeeded", digest: digest(name), now: at(monotonic) };
}

/** One node's chart, stepped as data. */
function chart(names: readonly string[]) {
  let [state] = initialTransition(nodePrepullMachine, { node: "n1", uid: "u1", tieBreaker: 0, now: at(0) });
  const step = (event: NodePrepullEvent) => {
    const before = state;
    [state] = transition(nodePrepullMachine, state, event);
    return state.context === before.context ? [] : state.context.happened.map(({ type }) => type);
  };
  step(wanted(names));
  return {
    step,
    value: () => state.value,
    context: () => state.context,
    record: (name: string) => state.context.records.find((one) => one.digest === digest(name)),
    next: (monotonic: number) => nextRecord(state.context.records, monotonic)?.digest,
    report: (name: string, reported: PrepullState, reason = "", message = "") =>
      step({
        type: "pull.reported",
        report: { digest: digest(name), node: "n1", state: reported, reason, message, failureClass: null },
        now: at(0),
      }),
  };
}

test("a node pulls one image at a time, and says what has happened", () => {
  const { step, value, context, next } = chart(["recommended", "weekly"]);
  assert.equal(value(), "waiting");
  assert.equal(next(0), digest("recommended"));
  assert.deepEqual(step(started("recommended")), ["pull.started"]);
  assert.equal(value(), "pulling");
  assert.deepEqual(step(started("weekly")), [], "no other one starts");
  assert.equal(context().pulls.length, 1);
  assert.deepEqual(step(succeeded("recommended")), ["pull.succeeded"]);
  assert.equal(value(), "waiting");
  assert.equal(next(0), digest("weekly"));
});

test("what has failed waits, and the others go on meanwhile", () => {
  const { step, record, next } = chart(["weekly", "daily"]);
  step(started("weekly"));
  assert.deepEqual(step(failed("weekly", 1_000)), ["pull.failed"]);
  const { reason, attempts, failures, nextAttemptTime, failureClass } = record("weekly") ?? {};
  assert.deepEqual(
    { reason, attempts, failures, nextAttemptTime, failureClass },
    { reason: "ErrImagePull", attempts: 1, failures: 1, nextAttemptTime: WALL + 6_000, failureClass: "other" },
  );
  assert.equal(next(1_000), digest("daily"));
  step(started("daily", 1_000));
  step(succeeded("daily", 2_000));
  assert.equal(next(5_999), undefined);
  assert.equal(next(6_000), digest("weekly"));
});

test("the recommended image has a second chance before new work, and no third", () => {
  const { step, record, next } = chart(["recommended", "weekly"]);
  for (const time of [0, 10_000]) {
    assert.equal(next(time), digest("recommended"));
    step(started("recommended", time));
    step(failed("recommended", time));
  }
  const again = record("recommended");
  assert.ok(again !== undefined && isRetry(again));
  assert.equal(next(300_000), digest("weekly"));
});

test("a failure that is not the pair's does not put it behind new work", () => {
  const { step, next } = chart(["weekly", "daily"]);
  step(started("weekly"));
  step({ ...failed("weekly"), retry: { waitMs: 0, isRetry: false } } as NodePrepullEvent);
  assert.equal(next(0), digest("weekly"));
});

test("work that changes gives up a pull that is no longer wanted, and no other; the node is busy until its end", () => {
  const { step, value, context } = chart(["weekly"]);
  step(started("weekly"));
  assert.deepEqual(step(wanted(["weekly", "daily"])), []);
  assert.equal(value(), "pulling");
  assert.deepEqual(step(wanted(["daily"])), ["pull.cancelled"]);
  assert.equal(value(), "stalled");
  assert.deepEqual(step({ type: "pull.withdrawn", digest: digest("weekly"), now: at(7) }), []);
  assert.deepEqual([value(), context().freeSince], ["waiting", 7]);
});

test("a pull that was given up and comes to a good end all the same is the image's end, too", () => {
  const { step, context } = chart(["weekly", "daily"]);
  step(started("weekly"));
  step(wanted(["daily"]));
  step(wanted(["weekly", "daily"]));
  assert.deepEqual(step(succeeded("weekly")), ["pull.settled"]);
  assert.deepEqual(
    context().records.map((one) => one.digest),
    [digest("daily")],
  );
});

test("an image that the node reports while it is pulled has succeeded", () => {
  const { step, value } = chart(["weekly"]);
  step(started("weekly"));
  assert.deepEqual(step(wanted([], 0, ["weekly"])), ["pull.succeeded"]);
  assert.equal(value(), "stalled", "its pod has yet to go");
});

test("an image that is pushed again under its tag is the same record", () => {
  const { step, record } = chart(["weekly"]);
  const before = record("weekly");
  step(wanted(["weekly"]));
  assert.equal(record("weekly"), before);
  const reference = `registry.test/sciplat/lab:other@${digest("weekly")}`;
  step({ ...wanted([]), targets: [{ ...target("weekly"), reference }] } as NodePrepullEvent);
  assert.equal(record("weekly")?.reference, reference);
});

test("a node that may not be pulled to gives up its pull, remembers what has failed, and goes on with it later", () => {
  const { step, value, record, context } = chart(["weekly", "daily"]);
  step(started("weekly"));
  step(failed("weekly"));
  step(started("daily"));
  const excluded = step({ type: "node.excluded", comment: "Node is tainted", present: [] });
  assert.deepEqual(excluded, ["pull.cancelled", "failure.dropped"]);
  assert.equal(value(), "stalled");
  step({ type: "pull.withdrawn", digest: digest("daily"), now: at(0) });
  assert.equal(value(), "excluded");
  assert.equal(context().records.length, 1);
  step(wanted(["weekly", "daily"]));
  assert.equal(value(), "waiting");
  assert.deepEqual([record("weekly")?.failures, record("daily")?.failures], [1, 0]);
});

test("a node that has gone is at its end", () => {
  const { step, value } = chart(["weekly"]);
  step(started("weekly"));
  assert.deepEqual(step({ type: "node.left" }), ["pull.cancelled"]);
  assert.equal(value(), "left");
});

test("whoever no longer leads sees no end of the pull: it is due again", () => {
  const { step, value, next, record } = chart(["weekly"]);
  step(started("weekly"));
  assert.deepEqual(step({ type: "pull.detached", digest: digest("weekly"), now: at(1) }), ["pull.detached"]);
  assert.deepEqual([value(), next(1), record("weekly")?.attempts], ["waiting", digest("weekly"), 0]);
});

test("an outside prepuller's reports move the same states; it may pull several images at once", () => {
  const { report, value, record, context } = chart(["recommended", "weekly"]);
  assert.deepEqual(report("recommended", "PULLING"), ["pull.started"]);
  assert.deepEqual(report("weekly", "PULLING"), ["pull.started"]);
  assert.equal(context().pulls.length, 2);
  report("weekly", "PULLING", "", "layer 3 of 12");
  assert.equal(record("weekly")?.message, "layer 3 of 12");
  assert.deepEqual(report("weekly", "FAILED", "Evicted", "no room"), ["pull.failed"]);
  assert.equal(value(), "pulling");
  assert.deepEqual(report("recommended", "SUCCEEDED"), ["pull.succeeded"]);
  assert.equal(value(), "waiting");
  const { failureClass, reason, nextAttemptTime, attempts, dueAt } = record("weekly") ?? {};
  assert.deepEqual(
    { failureClass, reason, nextAttemptTime, attempts, dueAt },
    { failureClass: "other", reason: "Evicted", nextAttemptTime: null, attempts: 1, dueAt: Number.POSITIVE_INFINITY },
  );
  report("weekly", "PULLING");
  assert.deepEqual(report("weekly", "CANCELLED", "", "given up"), ["pull.cancelled"]);
  assert.equal(record("weekly")?.isCancelled, true);
  assert.deepEqual(report("weekly", "WAITING"), []);
  assert.equal(record("weekly")?.isCancelled, false);
  assert.deepEqual(report("unknown", "PULLING"), []);
});

test("every state is reached, and no path lets a second pull start", () => {
  const events: NodePrepullEvent[] = [
    started("recommended"),
    started("weekly"),
    succeeded("recommended"),
    failed("recommended"),
    { type: "pull.withdrawn", digest: digest("recommended"), now: at(0) },
    wanted([]),
    wanted(["recommended", "weekly"]),
    { type: "node.excluded", comment: "tainted", present: [] },
  ];
  const input = { node: "n1", uid: "u1", tieBreaker: 0, now: at(0) };
  const serializeState = ({
    value,
    context: { records, pulls },
  }: ReturnType<typeof initialTransition<typeof nodePrepullMachine>>[0]) =>
    JSON.stringify([
      value,
      records.map(({ digest: of, failures }) => [of, Math.min(failures, 1)]),
      pulls.map(({ phase }) => phase),
    ]);
  const paths = getShortestPaths(nodePrepullMachine, { input, events, serializeState });
  const reached = new Set(paths.map(({ state }) => String(state.value)));
  assert.deepEqual(reached, new Set(["waiting", "pulling", "stalled", "excluded"]));
  for (const { state } of paths) {
    const { pulls } = state.context;
    assert.ok(pulls.length <= 1);
    if (state.value === "pulling") assert.equal(pulls[0]?.phase, "pulling");
    if (state.value === "stalled") assert.ok(pulls[0] !== undefined && pulls[0].phase !== "pulling");
    if (state.value === "waiting" || state.value === "excluded") assert.equal(pulls.length, 0);
  }
});
