import type { AnyActorRef } from "xstate";
import type { NodePrepullEvent, PullDropped } from "./node-prepull.ts";

/** The part of xstate's `enqueue` that is used here. */
interface Farewell {
  sendTo(ref: AnyActorRef, event: PullDropped | NodePrepullEvent): void;
}

/**
 * A prepuller whose transition threw leaves its nodes' actors running with nobody to end them: they are told to go, and
 * to leave their pulls as they are, for the next prepuller to adopt.
 */
export function leaveOrphans(broken: AnyActorRef | undefined, enqueue: Farewell): void {
  for (const node of childrenOf(broken).flatMap(childrenOf)) {
    if (node.getSnapshot().status !== "active") continue;
    leavePulls(node, enqueue);
    enqueue.sendTo(node, { type: "work.ended" });
  }
}

/** Tells the pulls of a node whose actor has broken to be left as they are: nobody can end them in order any more. */
export function leavePulls(node: AnyActorRef, enqueue: Farewell): void {
  for (const pull of childrenOf(node)) enqueue.sendTo(pull, { type: "pull.dropped" });
}

function childrenOf(parent: AnyActorRef | undefined): readonly AnyActorRef[] {
  const children = Object.values<AnyActorRef | undefined>(parent?.getSnapshot().children ?? {});
  return children.filter((child) => child !== undefined);
}
