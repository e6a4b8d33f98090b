import type { Clock, Logger } from "../../ports.ts";
import { KubernetesAnswerError } from "../client/api-errors.ts";
import type { LeaseApi } from "./lease-api.ts";
import { annotationsOf, microTime, type StoredLease, withAnnotation } from "./lease-object.ts";

/**
 * Annotation of the Lease by which one replica announces a registry notification to the others. A notification reaches
 * one replica only, and only the leader pulls (field case F72). Every candidate reads the lease anyway, so this needs no
 * further permission.
 */
const ANNOTATION = "lab-images/registry-notified";

/**
 * In ms. An announcement that was there already when this replica first read the lease is older than its first refresh,
 * unless it is younger than this.
 */
const RECENT_MS = 60_000;

/** Another write may come between reading the lease and writing it. */
const MAX_TRIES = 5;

/** One replica's side of the announcements in the lease. */
export interface Announcements {
  /** Looks at a lease that was read or written; calls back if it has an announcement of another replica not observed before. */
  observe(lease: StoredLease): void;
  /** Writes a new announcement into the lease. Never rejects: without it the others see the change at their next refresh. */
  announce(signal: AbortSignal): Promise<void>;
}

/** Configuration and collaborators of announcements. */
export interface AnnouncementOptions {
  readonly api: LeaseApi;
  readonly identity: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Another replica was notified. */
  readonly onAnnounced: () => void;
}

/** Reads and writes announcements: a value that changed is one. It has the time and the identity of its author. */
export function createAnnouncements({ api, identity, clock, logger, onAnnounced }: AnnouncementOptions): Announcements {
  let hasRead = false;
  let seen: unknown;

  function observe(lease: StoredLease): void {
    const value = annotationsOf(lease)[ANNOTATION];
    const isFirst = !hasRead;
    hasRead = true;
    if (value === seen) return;
    seen = value;
    if (typeof value !== "string") return;
    const [time = "", author] = value.split(" ");
    const isOld = isFirst && clock.wallTime() - Date.parse(time) >= RECENT_MS;
    if (author !== identity && !isOld) onAnnounced();
  }

  async function write(value: string, signal: AbortSignal): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const lease = await api.read(signal);
      // Without a lease nobody leads, and whoever acquires it next refreshes then.
      if (lease === null) return;
      // What is overwritten here would not be seen otherwise.
      observe(lease);
      try {
        await api.replace(withAnnotation(lease, ANNOTATION, value), lease.record, signal);
        return;
      } catch (error) {
        const isConflict = error instanceof KubernetesAnswerError && error.status === 409;
        if (!isConflict || tries === MAX_TRIES) throw error;
      }
    }
  }

  return {
    observe,
    async announce(signal) {
      // Unlike every earlier one, also where the wall clock steps.
      const value = `${microTime(clock.wallTime())} ${identity} ${Math.floor(clock.monotonicTime())}`;
      try {
        await write(value, signal);
      } catch (error) {
        if (signal.aborted) return;
        logger.warn({ err: error }, "cannot pass the registry notification on to the other replicas");
      }
    },
  };
}
