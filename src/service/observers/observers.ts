import type { CoordinatorEmitted } from "../../machines/coordinator.ts";
import type { ImageState } from "../../machines/image-state.ts";
import type { Alerts, Clock, Logger } from "../../ports.ts";
import { createPrepullObserver, type PrepullMetrics } from "./prepull-observer.ts";
import { createRefreshObserver, type RefreshMetrics } from "./refresh-observer.ts";
import { createSnapshotObserver } from "./snapshot-observer.ts";

/** What the observers write to. */
export interface ObserverDeps {
  readonly logger: Logger;
  readonly alerts: Alerts;
  readonly metrics: RefreshMetrics & PrepullMetrics;
  readonly clock: Clock;
}

/** Log, metrics and alerts of what the coordinator emits. */
export interface Observers {
  observe(news: CoordinatorEmitted, state: ImageState): void;
  /** What was gathered and not logged yet is dropped. */
  stop(): void;
}

/** Each fact goes to one observer. */
export function createObservers(deps: ObserverDeps): Observers {
  const { logger, alerts } = deps;
  const refreshes = createRefreshObserver(deps);
  const snapshots = createSnapshotObserver(deps);
  const prepulls = createPrepullObserver(deps);

  function crashed({ actor, error }: Extract<CoordinatorEmitted, { type: "actor.crashed" }>): void {
    logger.error({ actor, err: error }, "actor crashed, restarting (bug)");
    alerts.raise({ key: `actor:${actor.replace(/:.*/s, "")}`, message: "actor crashed (bug)", details: { actor } });
  }

  return {
    observe(news, state) {
      switch (news.type) {
        case "refresh.started":
          return refreshes.started();
        case "refresh.settled":
          return refreshes.settled(news, state);
        case "snapshot.replaced":
          return snapshots.replaced(news.snapshot);
        case "prepuller.emitted":
          return prepulls(news.news);
        case "actor.crashed":
          return crashed(news);
        case "gates.opened":
          return;
      }
    },
    stop: () => snapshots.stop(),
  };
}
