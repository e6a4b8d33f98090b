import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { PULL_FAILURE_CLASSES } from "../domain/prepull/classify-failure.ts";
import type { PullFailureClass } from "../domain/prepull/failure-table.ts";

const OUTCOMES = ["success", "failure", "cancelled", "detached"] as const;

/** What is counted of pulls, those of an outside prepuller included. */
export interface PrepullCounts {
  /** How many pulls are under way. */
  pullsRunning(count: number): void;
  /** A pull has ended; the class is empty where it has not failed, `seconds` is null where nobody reported its start. */
  pullFinished(end: {
    readonly outcome: (typeof OUTCOMES)[number];
    readonly failureClass: PullFailureClass | "";
    readonly seconds: number | null;
  }): void;
  /** An image was found to be evicted from a node again and again. */
  imageThrashing(): void;
  /** `lent` pulls are in progress without a slot. */
  slotsChanged(slots: { readonly limit: number; readonly inUse: number; readonly lent: number }): void;
  /** Whether this replica is the one that prepulls. */
  leading(isLeading: boolean): void;
}

/** Seconds: an image of 15 GB takes minutes, one that is there already none. */
const PULL_BUCKETS = [1, 5, 15, 30, 60, 120, 300, 600, 1_200, 3_600];

/** The prepuller's metrics; nodes, tags and digests are no labels. */
export function createPrepullMetrics(registers: Registry[]): PrepullCounts {
  const pulls = new Counter({
    name: "labimages_pulls_total",
    help: "Pulls that have ended, by how, and by the class of failure; detached: the lease was lost, the pull goes on.",
    labelNames: ["outcome", "failure"],
    registers,
  });
  for (const outcome of OUTCOMES) {
    for (const failure of outcome === "failure" ? PULL_FAILURE_CLASSES : [""]) pulls.inc({ outcome, failure }, 0);
  }
  const running = new Gauge({
    name: "labimages_pulls_running",
    help: "Pulls that are under way, as far as this process knows.",
    registers,
  });
  const duration = new Histogram({
    name: "labimages_pull_duration_seconds",
    help: "How long pulls that have succeeded took, where their start is known.",
    buckets: PULL_BUCKETS,
    registers,
  });
  const thrashing = new Counter({
    name: "labimages_thrashing_images_total",
    help: "Times that an image was found to be evicted from a node again and again.",
    registers,
  });
  const limit = new Gauge({
    name: "labimages_prepuller_slots_limit",
    help: "How many pulls may hold a slot now; 0 while this replica does not prepull.",
    registers,
  });
  const inProgress = new Gauge({
    name: "labimages_prepuller_pulls_in_progress",
    help: "Pulls in progress at nodes, by whether they hold a slot; lent: they take far longer than others, or wait behind such a one.",
    labelNames: ["slot"],
    registers,
  });
  for (const slot of ["held", "lent"]) inProgress.set({ slot }, 0);
  const leader = new Gauge({
    name: "labimages_prepuller_leading",
    help: "1 while this replica leads and so prepulls, else 0.",
    registers,
  });
  return {
    pullsRunning: (count) => running.set(count),
    pullFinished({ outcome, failureClass, seconds }) {
      pulls.inc({ outcome, failure: failureClass });
      if (outcome === "success" && seconds !== null) duration.observe(seconds);
    },
    imageThrashing: () => thrashing.inc(),
    slotsChanged(slots) {
      limit.set(slots.limit);
      inProgress.set({ slot: "held" }, slots.inUse);
      inProgress.set({ slot: "lent" }, slots.lent);
    },
    leading: (isLeading) => leader.set(isLeading ? 1 : 0),
  };
}
