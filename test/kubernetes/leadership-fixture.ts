import assert from "node:assert/strict";
import { createLeadership, type ElectedLeadership } from "../../src/kubernetes/lease/leadership.ts";
import type { JsonObject } from "../../src/simulation/kubernetes/kubernetes-objects.ts";
import { eventually } from "../support/eventually.ts";
import { type LogLine, logLines } from "../support/log-lines.ts";
import { type ManualClock, manualClock } from "../support/manual-clock.ts";
import { NAMESPACE, type PrepullBench } from "./prepull-fixture.ts";

const timing = { leaseDuration: 15_000, renewDeadline: 10_000, retryPeriod: 2_000 };
const STEP_MS = 500;

/** A candidate on a clock of its own. */
export interface Replica {
  readonly clock: ManualClock;
  readonly leadership: ElectedLeadership;
  readonly told: boolean[];
  /** When announcements of other replicas arrived: monotonic time, ms. */
  readonly announced: number[];
  readonly log: readonly LogLine[];
  /** Lets its time go on in small steps, each after the calls of the one before have been answered. */
  live(milliseconds: number): Promise<void>;
  /** Gives up and waits for the end. */
  leave(): Promise<void>;
}

/** Starts a candidate of this identity. */
export function elect(bench: PrepullBench, identity: string, wallTime?: number): Replica {
  const clock = manualClock(wallTime);
  const { connection } = bench;
  const logger = logLines();
  const announced: number[] = [];
  const leadership = createLeadership({
    onAnnounced: () => announced.push(clock.monotonicTime()),
    connection,
    namespace: NAMESPACE,
    leaseName: "prepuller",
    instance: "lab",
    identity,
    timing,
    clock,
    random: () => 0.5,
    logger,
  });
  const told: boolean[] = [];
  const life = new AbortController();
  leadership.follow((leading) => {
    if (!leading) assert.equal(leadership.mayWrite(), false);
    told.push(leading);
  }, life.signal);
  // A candidate at rest waits for its next try, and for the end of its reign, if it has one.
  const rest = () => eventually(() => assert.equal(clock.pending, leadership.mayWrite() ? 2 : 1));
  return {
    clock,
    leadership,
    told,
    announced,
    log: logger.lines,
    async live(milliseconds) {
      await rest();
      for (let left = milliseconds; left > 0; left -= STEP_MS) {
        await clock.advance(Math.min(STEP_MS, left));
        await rest();
      }
    },
    async leave() {
      life.abort(new Error("the replica stops"));
      await leadership.ended();
    },
  };
}

/** The spec of the only lease. */
export function leaseSpec(bench: PrepullBench): JsonObject {
  const [lease] = bench.api.list("leases");
  assert.ok(lease?.spec !== undefined);
  return lease.spec;
}

/** The announcement in the only lease. */
export function leaseAnnotation(bench: PrepullBench): unknown {
  const [lease] = bench.api.list("leases");
  return lease?.metadata.annotations?.["lab-images/registry-notified"];
}
