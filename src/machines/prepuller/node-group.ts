import { type ActorRefFrom, assertEvent, sendParent, setup } from "xstate";
import { type NodePrepullInput, nodePrepullMachine } from "./node-prepull.ts";

/** A reference to a node's actor. */
export type NodeRef = ActorRefFrom<typeof nodePrepullMachine>;

/** What a group is given when it starts: its nodes, with the ids of their actors. */
export interface NodeGroupInput {
  readonly nodes: readonly (NodePrepullInput & { readonly id: string })[];
}

interface NodeGroupContext {
  /** In the order of the input. */
  readonly refs: readonly NodeRef[];
}

/** The actor of one of its nodes has broken; a group tells its parent. */
export interface NodeActorBroke {
  readonly type: "node.failed";
  /** Of the actor. */
  readonly id: string;
  readonly error: unknown;
}

const ERROR_PREFIX = "xstate.error.actor.";

/**
 * Some of the prepuller's nodes. It does nothing but hold their actors: xstate copies the list of an actor's children
 * for each one that comes or goes, so that thousands under one parent take seconds to stop, and a few dozen under each
 * of many parents next to nothing. A group gets its nodes when it starts, and its parent stops it when the work on all
 * of them has ended. Where thousands of nodes come one by one it has but one of them, which costs what it saves, and no
 * more.
 */
export const nodeGroupMachine = setup({
  types: {
    context: {} as NodeGroupContext,
    input: {} as NodeGroupInput,
    events: {} as { readonly type: `${typeof ERROR_PREFIX}${string}`; readonly error: unknown },
  },
  actors: { node: nodePrepullMachine },
  actions: {
    tellBroken: sendParent(({ event }): NodeActorBroke => {
      assertEvent(event, "xstate.error.actor.*");
      return { type: "node.failed", id: event.type.slice(ERROR_PREFIX.length), error: event.error };
    }),
  },
}).createMachine({
  id: "nodeGroup",
  context: ({ input, spawn }) => ({ refs: input.nodes.map(({ id, ...node }) => spawn("node", { id, input: node })) }),
  on: { "xstate.error.actor.*": { actions: "tellBroken" } },
});
