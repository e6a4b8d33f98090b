import { Histogram, type Registry } from "prom-client";

/** Milliseconds between samples: what is shorter than this may pass unseen. */
const INTERVAL = 20;
/** Seconds; docs/performance.md row 6 allows 25 ms. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/**
 * Measures by how much a timer is late, which is how long the event loop stood still, until the function that it answers
 * is called. A histogram of all samples, so that no scrape takes anything from another.
 */
export function watchEventLoop(registry: Registry): () => void {
  const lag = new Histogram({
    name: "labimages_event_loop_lag_seconds",
    help: "By how much a timer of the event loop was late, sampled 50 times a second.",
    buckets: BUCKETS,
    registers: [registry],
  });
  let due = performance.now() + INTERVAL;
  const timer = setInterval(() => {
    const now = performance.now();
    lag.observe(Math.max(0, now - due) / 1_000);
    due = now + INTERVAL;
  }, INTERVAL).unref();
  return () => clearInterval(timer);
}
