import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createHostTable } from "../../src/registry/http/host-table.ts";
import { defaultLimits } from "../../src/registry/oci/limits.ts";
import { eventually } from "../support/eventually.ts";
import { type ManualClock, manualClock } from "../support/manual-clock.ts";
import { startServiceOn } from "./service-on-source.ts";
import { REPOSITORY, registryWith, unhurried } from "./source-under-test.ts";
import { isUnavailable, sourceWithFaults } from "./source-with-faults.ts";

const patient = { requestTimeoutMs: 3_600_000, operationTimeoutMs: 3_600_000 };
/** The manual clock starts at midnight of 2077-10-23. */
const FIVE_PAST =
  /^127\.0\.0\.1:\d+ answers 429 and asks for a pause \(Retry-After\): next attempt after 2077-10-23T00:05:0\dZ$/;

/** Turns the clock bit by bit, past the pauses between tries, until the check holds. */
function turnUntil(clock: ManualClock, check: () => void): Promise<void> {
  return eventually(async () => {
    await clock.advance(1);
    check();
  });
}

async function throttled(context: Parameters<typeof sourceWithFaults>[0], retryAfter: string) {
  const clock = manualClock();
  const world = await sourceWithFaults(context, { clock, random: () => 0, limits: patient });
  world.registry.behaviour.throttle = { requests: 1, status: 429, retryAfter };
  return { clock, ...world };
}

describe("Retry-After", () => {
  for (const retryAfter of ["1800", "999999999999", "Sat, 23 Oct 2077 12:00:00 GMT"]) {
    test(`F14: ${retryAfter} is honoured for five minutes, in a reason that stays the same`, async (context) => {
      const { clock, registry, list, retried } = await throttled(context, retryAfter);
      const reasons: unknown[] = [];
      const refused = async () => {
        const error = await list().catch((reason: unknown) => reason);
        isUnavailable(FIVE_PAST)(error);
        reasons.push(error instanceof Error ? error.message : error);
      };
      await refused();
      await clock.advance(120_000);
      await refused();
      await clock.advance(119_000);
      await refused();
      assert.equal(new Set(reasons).size, 1);
      assert.equal(registry.requests.length, 1);
      assert.deepEqual(retried, []);
      await clock.advance(61_001);
      assert.deepEqual(await list(), ["a", "b"]);
    });
  }

  test("F14: a refresh by hand asks at once, and finds a registry that has recovered", async (context) => {
    const { clock, registry, source, list } = await throttled(context, "1800");
    await assert.rejects(list(), isUnavailable(FIVE_PAST));
    source.ignoreRetryAfter();
    assert.deepEqual(await list(), ["a", "b"]);
    registry.clearRequests();
    registry.behaviour.throttle = { requests: 1, status: 429, retryAfter: "1800" };
    await assert.rejects(list(), isUnavailable(FIVE_PAST));
    await clock.advance(1);
    assert.equal(registry.requests.length, 1);
  });

  test("F14: a refresh by hand ends the pause of those who wait already", async (context) => {
    const { clock, registry, source, retried } = await throttled(context, "50");
    let listed = 0;
    const waiting = source.listTags(unhurried).then(({ length }) => {
      listed = length;
    });
    await turnUntil(clock, () => assert.deepEqual(retried, ["429"]));
    await clock.advance(1_000);
    assert.equal(registry.requests.length, 1);
    source.ignoreRetryAfter();
    await turnUntil(clock, () => assert.equal(listed, 2));
    await waiting;
    assert.ok(clock.monotonicTime() < 50_000);
  });

  test("F14: a pause that was waited for and did not help is named in the reason", async (context) => {
    const { clock, registry, list } = await throttled(context, "30");
    registry.behaviour.throttle = { requests: 9, status: 429, retryAfter: "30" };
    let reason: unknown = null;
    const refused = list().catch((error: unknown) => {
      reason = error;
    });
    await eventually(async () => {
      await clock.advance(1_000);
      assert.notEqual(reason, null);
    });
    await refused;
    isUnavailable(/answers 429 and asks for a pause \(Retry-After\): next attempt after 2077-10-23T00:0\d:\d\dZ$/)(
      reason,
    );
  });

  test("L1: what is kept about hosts ends with their requests and pauses", () => {
    const clock = manualClock();
    const table = createHostTable({ limits: defaultLimits, clock, random: () => 0 });
    for (let index = 0; index < 100; index += 1) {
      const host = table.enter(`host-${index}`);
      if (index % 2 === 0) host.hold(1_000, "answers 429");
      host.leave();
    }
    assert.equal(table.size, 50);
    return clock.advance(1_000).then(() => {
      table.enter("another").leave();
      assert.equal(table.size, 0);
    });
  });

  test("F14: the gRPC call Refresh asks the registry at once", async (context) => {
    const registry = await registryWith(context, ["recommended"]);
    const source = { type: "docker", registry: registry.host, repository: REPOSITORY };
    const { client, serving, registryStatus } = await startServiceOn(context, { source });
    await serving();
    registry.behaviour.throttle = { requests: 1, status: 429, retryAfter: "1800" };
    await assert.rejects(client.call("Refresh", {}), /next attempt after/);
    const { reason } = await registryStatus();
    assert.match(reason, /answers 429 and asks for a pause \(Retry-After\): next attempt after \d{4}-[\d-]+T[\d:]+Z$/);
    await client.call("Refresh", {});
    assert.equal((await registryStatus()).ok, true);
  });
});
