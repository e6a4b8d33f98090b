import { LabImagesError } from "../../domain/errors.ts";
import { objectOf, textOf } from "../../lib/json.ts";
import type { Logger } from "../../ports.ts";
import type { KubernetesConnection } from "../client/connection.ts";
import type { PodState } from "./pod-object.ts";
import { PREPULL_CONTAINER } from "./prepull-pod.ts";

/** Milliseconds that an explanation may take: the failure itself is known already. */
const DEADLINE_MS = 2_000;
const MAX_EVENTS = 100;

/** Reason of the event by which a kubelet reports that a pull secret does not exist; it then pulls without. */
export const MISSING_PULL_SECRET = "FailedToRetrieveImagePullSecret";

/** Reasons of events about the sandbox of a pod, without which no image is pulled. */
export const SANDBOX_REASONS: ReadonlySet<string> = new Set([
  "FailedCreatePodSandBox",
  "FailedPodSandBoxStatus",
  "NetworkNotReady",
]);

/**
 * Reasons of events about images (kubelet, `events/event.go`). Kubelets send others with every sync that have no part in it,
 * such as MissingClusterDNS.
 */
const IMAGE_REASONS: ReadonlySet<string> = new Set([
  "BackOff",
  "ErrImageNeverPull",
  "Failed",
  "InspectFailed",
  "Pulled",
  "Pulling",
  MISSING_PULL_SECRET,
]);

/** What reading events takes. */
export interface PodEventsContext {
  readonly connection: KubernetesConnection;
  readonly namespace: string;
  readonly logger: Logger;
}

/** An event of a pod, about its images or its sandbox. */
export interface PodEvent {
  readonly reason: string;
  /** Names the container where it is not ours. */
  readonly message: string;
}

interface DatedEvent extends PodEvent {
  readonly isWarning: boolean;
  readonly time: number;
}

/**
 * The event that says why a pod does not get on: the latest warning about an image or a sandbox that says more than the
 * pod's own status, else the latest such event of all; with `only`, the latest event of that reason. Null where there is
 * none, or where events cannot be read: they only explain.
 */
export async function explainByEvents(
  { connection, namespace, logger }: PodEventsContext,
  pod: PodState,
  signal: AbortSignal,
  only?: string,
): Promise<PodEvent | null> {
  try {
    const body = await connection.call({
      what: "list the events of a pod",
      path: `/api/v1/namespaces/${namespace}/events`,
      query: { fieldSelector: `involvedObject.uid=${pod.uid}`, limit: String(MAX_EVENTS) },
      deadlineMs: DEADLINE_MS,
      signal,
    });
    const items = objectOf(body)["items"];
    const events = Array.isArray(items) ? items.map(readEvent).filter(isCause) : [];
    return mostTelling(only === undefined ? events : events.filter(({ reason }) => reason === only));
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LabImagesError)) throw error;
    logger.debug({ err: error, pod: pod.name }, "cannot read the events of a pod");
    return null;
  }
}

function isCause({ reason, message }: PodEvent): boolean {
  return message !== "" && (IMAGE_REASONS.has(reason) || SANDBOX_REASONS.has(reason));
}

function mostTelling(events: readonly DatedEvent[]): PodEvent | null {
  const latestFirst = events.toSorted((a, b) => b.time - a.time);
  return latestFirst.find((event) => event.isWarning && !repeatsStatus(event)) ?? latestFirst[0] ?? null;
}

/**
 * "Back-off pulling image …" and "Error: ErrImagePull" do not name the cause. A missing pull secret may be one, and is
 * reported each time as well: it must not hide what the registry says.
 */
function repeatsStatus({ reason, message }: PodEvent): boolean {
  return reason === "BackOff" || reason === MISSING_PULL_SECRET || /(?:^|: )Error: \w+$/.test(message);
}

function readEvent(value: unknown): DatedEvent {
  const event = objectOf(value);
  const { lastObservedTime } = objectOf(event["series"]);
  const times = [lastObservedTime, event["lastTimestamp"], event["eventTime"], event["firstTimestamp"]].map((time) =>
    Date.parse(String(time)),
  );
  return {
    isWarning: event["type"] === "Warning",
    reason: textOf(event["reason"]),
    message: namedMessage(textOf(event["message"]), textOf(objectOf(event["involvedObject"])["fieldPath"])),
    time: times.find((time) => !Number.isNaN(time)) ?? 0,
  };
}

/** The message of an event, with the name of the container where it is about another than ours. */
function namedMessage(message: string, fieldPath: string): string {
  const container = /^spec\.\w+\{(.+)\}$/.exec(fieldPath)?.[1];
  if (message === "" || container === undefined || container === PREPULL_CONTAINER) return message;
  return `container "${container}": ${message}`;
}
