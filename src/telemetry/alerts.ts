import type { Alerts, Logger } from "../ports.ts";

/** Maximum number of active causes; beyond it the oldest is dropped, and would be raised again. */
const MAX_CAUSES = 10_000;

/** What an alert is counted with. */
export interface AlertCounts {
  /** An alert was raised, for the first time since its cause was last cleared. */
  alertRaised(): void;
  /** How many causes are not cleared. */
  activeAlerts(count: number): void;
}

/** Alerts that go to the log at error level: each cause once until it is cleared. */
export function createAlerts({ logger, counts }: { readonly logger: Logger; readonly counts: AlertCounts }): Alerts {
  const active = new Set<string>();

  function remove(key: string): boolean {
    const wasActive = active.delete(key);
    if (wasActive) counts.activeAlerts(active.size);
    return wasActive;
  }

  return {
    raise({ key, message, details }) {
      if (active.has(key)) return;
      active.add(key);
      const [oldest] = active;
      if (active.size > MAX_CAUSES && oldest !== undefined) active.delete(oldest);
      counts.alertRaised();
      counts.activeAlerts(active.size);
      logger.error({ ...details, alert: key }, message);
    },
    clear(key, why) {
      if (remove(key)) logger.info({ alert: key, why }, "alert resolved");
    },
    forget(key) {
      if (remove(key)) logger.info({ alert: key }, "alert no longer observed");
    },
  };
}
