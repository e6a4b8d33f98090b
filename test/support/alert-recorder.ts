import type { Alert, Alerts } from "../../src/ports.ts";

/** Alerts that a test can read. */
export interface AlertRecorder extends Alerts {
  /** All that were raised, the repeated ones included. */
  readonly raised: readonly Alert[];
  /** Keys that were resolved, of active ones. */
  readonly resolved: readonly string[];
  /** Keys of those that are active, in the order in which they were raised. */
  active(): readonly string[];
}

/** Takes down what is raised, cleared and forgotten. */
export function alertRecorder(): AlertRecorder {
  const raised: Alert[] = [];
  const resolved: string[] = [];
  const active = new Set<string>();
  return {
    raised,
    resolved,
    active: () => [...active],
    raise(alert) {
      raised.push(alert);
      active.add(alert.key);
    },
    clear(key) {
      if (active.delete(key)) resolved.push(key);
    },
    forget: (key) => void active.delete(key),
  };
}
