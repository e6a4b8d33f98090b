import { objectOf, textOf } from "../../lib/json.ts";
import {
  DIGEST_ANNOTATION,
  formerPodName,
  INSTANCE_LABEL,
  NODE_UID_ANNOTATION,
  PREPULL_CONTAINER,
  prepullPodName,
} from "./prepull-pod.ts";

/** A reason and a text, as Kubernetes gives them; empty where it gives none. */
export interface Said {
  readonly reason: string;
  readonly message: string;
}

/** A container beside ours, as an admission plugin puts it there; it proves nothing. */
export interface ContainerState {
  readonly name: string;
  readonly image: string;
  /** An init container, which has to run (or, as a sidecar, to start) before ours is created. */
  readonly isInit: boolean;
  readonly waiting: Said | null;
  readonly terminated: Said | null;
  /** Where it has ended. */
  readonly exitCode: number | null;
}

/** One of our pods as the API sent it, reduced to what is used. */
export interface PodState {
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  /** Of the annotations; empty where there is none. */
  readonly nodeUid: string;
  readonly digest: string;
  /** Of the label; empty where there is none. */
  readonly instance: string;
  /** Uid of the controlling owner; empty where there is none. */
  readonly ownerUid: string;
  /** By the API server's clock, milliseconds since the epoch; null where unknown. */
  readonly createdTime: number | null;
  readonly activeDeadlineMs: number | null;
  /** Somebody has asked for its deletion. */
  readonly deleting: boolean;
  readonly phase: string;
  /** Of the pod itself, such as `Evicted`. */
  readonly said: Said;
  /** Why it was disrupted, where it was (condition `DisruptionTarget`). */
  readonly disruption: Said | null;
  /** The image that our container is to have, as the pod says it: an admission plugin may have replaced it. */
  readonly image: string;
  /** Set once a container was created from the image. */
  readonly imageId: string;
  /** Of the container, where it waits; null where it does not, or nobody has said anything of it yet. */
  readonly waiting: Said | null;
  /** Of the container, where it has ended. */
  readonly terminated: Said | null;
  /** The other containers that have a state. */
  readonly others: readonly ContainerState[];
}

/** Reads a core/v1 Pod; null where it is none. */
export function readPodState(value: unknown): PodState | null {
  const object = objectOf(value);
  const metadata = objectOf(object["metadata"]);
  const name = textOf(metadata["name"]);
  const uid = textOf(metadata["uid"]);
  if (name === "" || uid === "") return null;
  const annotations = objectOf(metadata["annotations"]);
  const spec = objectOf(object["spec"]);
  const status = objectOf(object["status"]);
  const container = ourContainer(status["containerStatuses"]);
  const state = objectOf(container["state"]);
  const created = Date.parse(textOf(metadata["creationTimestamp"]));
  const deadline = spec["activeDeadlineSeconds"];
  return {
    name,
    uid,
    node: textOf(spec["nodeName"]),
    nodeUid: textOf(annotations[NODE_UID_ANNOTATION]),
    digest: textOf(annotations[DIGEST_ANNOTATION]),
    instance: textOf(objectOf(metadata["labels"])[INSTANCE_LABEL]),
    ownerUid: textOf(objectsIn(metadata["ownerReferences"]).find(({ controller }) => controller === true)?.["uid"]),
    createdTime: Number.isNaN(created) ? null : created,
    activeDeadlineMs: typeof deadline === "number" ? deadline * 1_000 : null,
    deleting: textOf(metadata["deletionTimestamp"]) !== "",
    phase: textOf(status["phase"]),
    said: saidIn(status),
    disruption: disruptionIn(status["conditions"]),
    image: textOf(ourContainer(spec["containers"])["image"]),
    imageId: textOf(container["imageID"]),
    waiting: saidWhere(state["waiting"]),
    terminated: saidWhere(state["terminated"]),
    others: [...otherContainers(status, "initContainerStatuses"), ...otherContainers(status, "containerStatuses")],
  };
}

/** Whether the pod is one of a prepuller's: its name is what its annotations make of it. */
export function isPrepullPod(pod: PodState): boolean {
  return isAnnotated(pod) && pod.name === prepullPodName(pod.instance, pod.nodeUid, pod.digest);
}

/** Whether the first version made the pod, for a prepuller whose lease its label names. */
export function isFormerPod(pod: PodState): boolean {
  return isAnnotated(pod) && pod.name === formerPodName(pod.nodeUid, pod.digest);
}

function isAnnotated({ nodeUid, digest }: PodState): boolean {
  return nodeUid !== "" && digest !== "";
}

/** Its containers have ended, or will never start. */
export function isFinished({ phase }: PodState): boolean {
  return phase === "Succeeded" || phase === "Failed";
}

/** Whether its node may still be busy with the image. */
export function mayStillPull(pod: PodState): boolean {
  return pod.imageId === "" && !isFinished(pod);
}

/**
 * Whether a pod that is not finished should have been ended by its kubelet long ago. `wallTime` is our clock and the
 * pod's age by the server's: `slackMs` is for the difference.
 */
export function isOverdue({ createdTime, activeDeadlineMs }: PodState, wallTime: number, slackMs: number): boolean {
  return createdTime !== null && activeDeadlineMs !== null && wallTime - createdTime > activeDeadlineMs + slackMs;
}

/** Ours in a list of containers or of their statuses. */
function ourContainer(list: unknown): Readonly<Record<string, unknown>> {
  return objectsIn(list).find((each) => each["name"] === PREPULL_CONTAINER) ?? {};
}

function otherContainers(
  status: Readonly<Record<string, unknown>>,
  key: "initContainerStatuses" | "containerStatuses",
): readonly ContainerState[] {
  return objectsIn(status[key]).flatMap((container) => {
    const { name, image } = container;
    if (name === PREPULL_CONTAINER) return [];
    const state = objectOf(container["state"]);
    const { exitCode } = objectOf(state["terminated"]);
    return {
      name: textOf(name),
      image: textOf(image),
      isInit: key === "initContainerStatuses",
      waiting: saidWhere(state["waiting"]),
      terminated: saidWhere(state["terminated"]),
      exitCode: typeof exitCode === "number" ? exitCode : null,
    };
  });
}

function disruptionIn(conditions: unknown): Said | null {
  const found = objectsIn(conditions).find((each) => each["type"] === "DisruptionTarget" && each["status"] === "True");
  return found === undefined ? null : saidIn(found);
}

function saidWhere(value: unknown): Said | null {
  return typeof value === "object" && value !== null ? saidIn(objectOf(value)) : null;
}

function saidIn(object: Readonly<Record<string, unknown>>): Said {
  return { reason: textOf(object["reason"]), message: textOf(object["message"]) };
}

function objectsIn(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}
