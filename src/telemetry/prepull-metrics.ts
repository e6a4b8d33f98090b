import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { PullFailureClass } from "../domain/prepull/pull-failure.ts";

/** What is counted of the built-in prepuller. */
export interface PrepullCounts {
  /** A pull has started. */
  pullStarted(): void;
  /** A pull has ended; the class is empty where it has not failed. */
  pullFinished(end: {
    readonly outcome: "success" | "failure" | "cancelled";
    readonly failureClass: PullFailureClass | "";
    readonly seconds: number;
  }): void;
  /** An image was found to be evicted from a node again and again. */
  imageThrashing(): void;
  /** Whether this replica is the one that prepulls. */
  leading(isLeading: boolean): void;
}

/** Seconds: an image of 15 GB takes minutes, one that is there already none. */
const PULL_BUCKETS = [1, 5, 15, 30, 60, 120, 300, 600, 1_200, 3_600];

/** The prepuller's metrics; nodes, tags and digests are no labels. */
export function createPrepullMetrics(registers: Registry[]): PrepullCounts {
  const pulls = new Counter({
    name: "labimages_pulls_total",
    help: "Pulls of the built-in prepuller that have ended, by how, and by the class of failure.",
    labelNames: ["outcome", "failure"],
    registers,
  });
  const running = new Gauge({ name: "labimages_pulls_running", help: "Pulls that are under way.", registers });
  const duration = new Histogram({
    name: "labimages_pull_duration_seconds",
    help: "How long pulls that have succeeded took.",
    buckets: PULL_BUCKETS,
    registers,
  });
  const thrashing = new Counter({
    name: "labimages_thrashing_images_total",
    help: "Times that an image was found to be evicted from a node again and again.",
    registers,
  });
  const leader = new Gauge({
    name: "labimages_prepuller_leading",
    help: "1 where this replica prepulls, 0 where another one does or none.",
    registers,
  });
  return {
    pullStarted: () => running.inc(),
    pullFinished({ outcome, failureClass, seconds }) {
      running.dec();
      pulls.inc({ outcome, failure: failureClass });
      if (outcome === "success") duration.observe(seconds);
    },
    imageThrashing: () => thrashing.inc(),
    leading: (isLeading) => leader.set(isLeading ? 1 : 0),
  };
}
