import { LabImagesError } from "../../domain/errors.ts";
import type { Logger } from "../../ports.ts";
import type { KubernetesConnection } from "../client/connection.ts";
import { objectOf } from "../nodes/node-object.ts";
import type { PodState } from "./pod-object.ts";

/** Milliseconds that an explanation may take: the failure itself is known already. */
const DEADLINE_MS = 2_000;
const MOST_EVENTS = 100;

/** Reason of the event by which a kubelet tells that a pull secret does not exist; it then pulls without. */
export const MISSING_PULL_SECRET = "FailedToRetrieveImagePullSecret";

/** What finding an explanation needs. */
export interface PodEventsContext {
  readonly connection: KubernetesConnection;
  readonly namespace: string;
  readonly logger: Logger;
}

interface PodEvent {
  readonly warning: boolean;
  readonly reason: string;
  readonly message: string;
  readonly time: number;
}

/**
 * What the events of a pod say of why it does not get on: the latest warning that says more than the pod's own status,
 * else the latest event of all; with `only`, the latest event of that reason. Empty where there is none, or where events
 * cannot be read: they only explain.
 */
export async function explainByEvents(
  { connection, namespace, logger }: PodEventsContext,
  pod: PodState,
  signal: AbortSignal,
  only?: string,
): Promise<string> {
  try {
    const body = await connection.call({
      what: "list the events of a pod",
      path: `/api/v1/namespaces/${namespace}/events`,
      query: { fieldSelector: `involvedObject.uid=${pod.uid}`, limit: String(MOST_EVENTS) },
      deadlineMs: DEADLINE_MS,
      signal,
    });
    const items = objectOf(body)["items"];
    const all = Array.isArray(items) ? items.map(readEvent) : [];
    return mostTelling(only === undefined ? all : all.filter(({ reason }) => reason === only));
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof LabImagesError)) throw error;
    logger.debug({ err: error, pod: pod.name }, "cannot read the events of a pod");
    return "";
  }
}

function mostTelling(events: readonly PodEvent[]): string {
  const said = events.filter(({ message }) => message !== "").sort((a, b) => b.time - a.time);
  const telling = said.find((event) => event.warning && !repeatsStatus(event));
  return (telling ?? said[0])?.message ?? "";
}

/**
 * "Back-off pulling image …" and "Error: ErrImagePull" tell nothing of the cause. A missing pull secret may be one, and
 * is told each time as well: it must not hide what the registry says.
 */
function repeatsStatus({ reason, message }: PodEvent): boolean {
  return reason === "BackOff" || reason === MISSING_PULL_SECRET || /^Error: \w+$/.test(message);
}

function readEvent(value: unknown): PodEvent {
  const event = objectOf(value);
  const times = [event["lastTimestamp"], event["eventTime"], event["firstTimestamp"]].map((time) =>
    Date.parse(String(time)),
  );
  const { reason, message } = event;
  return {
    warning: event["type"] === "Warning",
    reason: typeof reason === "string" ? reason : "",
    message: typeof message === "string" ? message : "",
    time: times.find((time) => !Number.isNaN(time)) ?? 0,
  };
}
