import type { ActorRef, Snapshot } from "xstate";

/**
 * The parent of an actor, by the events that it takes from this child: in contrast to `sendParent`, an event that it does
 * not know does not compile.
 */
export type ParentRef<Event extends { readonly type: string }> = ActorRef<Snapshot<unknown>, Event>;
