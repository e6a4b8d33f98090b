import type { Alert, Alerts } from "../../src/ports.ts";

/** Alerts that a test can read. */
export interface AlertRecorder extends Alerts {
  /** All that were raised, the repeated ones included. */
  readonly raised: readonly Alert[];
  /** Keys that were resolved, of active ones. */
  readonly resolved: readonly string[];
  /** What resolved them, by key: the latest. */
  readonly whyResolved: ReadonlyMap<string, string>;
  /** Keys of those that are active, in the order in which they were raised. */
  active(): readonly string[];
}

/** Takes down what is raised, cleared and forgotten. */
export function alertRecorder(): AlertRecorder {
  const raised: Alert[] = [];
  const resolved: string[] = [];
  const whyResolved = new Map<string, string>();
  const active = new Set<string>();
  return {
    raised,
    resolved,
    whyResolved,
    active: () => [...active],
    raise(alert) {
      raised.push(alert);
      active.add(alert.key);
    },
    clear(key, why) {
      if (!active.delete(key)) return;
      resolved.push(key);
      whyResolved.set(key, why);
    },
    forget: (key) => void active.delete(key),
  };
}
