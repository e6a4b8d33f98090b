import { assertEvent, assign, setup } from "xstate";
import { GateTakenOverError } from "../domain/errors.ts";
import type { GateCaller, GateMessage, RefreshCause } from "../ports.ts";

/** A data refresh, as the gates announce it. */
export interface GateOpening {
  /** Of the snapshot that it brought. */
  readonly generation: number;
  readonly cause: RefreshCause;
}

/** What happens to one gate. A caller is known by its identity. */
export type WaitGateEvent =
  | ({ readonly type: "gate.opened" } & GateOpening)
  | {
      readonly type: "caller.attached";
      readonly caller: GateCaller;
      readonly holder: string;
      /** The generation that the caller has seen; null: of another process; undefined where it names none. */
      readonly resumeAfter: number | null | undefined;
    }
  /** The transport has taken the last message. */
  | { readonly type: "caller.ready"; readonly caller: GateCaller }
  | { readonly type: "caller.detached"; readonly caller: GateCaller };

/** Input of a gate. */
export interface WaitGateInput {
  readonly name: string;
  /** The last data refresh: a new gate counts as opened by it, so that its first caller misses nothing. */
  readonly lastOpening: GateOpening | null;
}

interface WaitGateContext {
  readonly name: string;
  readonly generation: number;
  readonly cause: RefreshCause | null;
  /** Openings since the last message. */
  readonly openings: number;
  /** Openings that the last message stands for, while the transport has not taken it. */
  readonly sending: number;
  readonly caller: GateCaller | null;
  readonly holder: string;
}

/**
 * One wait gate (docs/spec/refresh.md): it remembers that the data have been refreshed until its caller has received that.
 * One caller at a time: another one is ignored, unless it names the same holder. A message is sent only when the caller is
 * ready for it, so a slow one gets all openings since then in one; a message that the transport had not taken when its
 * caller went is delivered to the next one. A caller must not throw.
 */
export const waitGateMachine = setup({
  types: { context: {} as WaitGateContext, input: {} as WaitGateInput, events: {} as WaitGateEvent },
  actions: {
    deliver: ({ context }) => context.caller?.deliver(messageOf(context)),
    endPredecessor: ({ context }) => context.caller?.end(new GateTakenOverError(context.name)),
    open: assign(({ context, event }) => {
      assertEvent(event, "gate.opened");
      return { generation: event.generation, cause: event.cause, openings: context.openings + 1 };
    }),
    close: assign({ openings: 0, sending: ({ context }) => context.openings }),
    settle: assign({ sending: 0 }),
    takeBack: assign({ openings: ({ context }) => context.openings + context.sending, sending: 0 }),
    release: assign({ caller: null, holder: "" }),
    admit: assign(({ context, event }) => {
      assertEvent(event, "caller.attached");
      return { caller: event.caller, holder: event.holder, openings: openingsFor(context, event.resumeAfter) };
    }),
  },
  guards: {
    isOpen: ({ context }) => context.openings > 0,
    isCaller: ({ context, event }) => "caller" in event && event.caller === context.caller,
    isSameHolder: ({ context, event }) =>
      event.type === "caller.attached" && event.holder !== "" && event.holder === context.holder,
  },
}).createMachine({
  id: "waitGate",
  context: ({ input: { name, lastOpening } }) => ({
    name,
    generation: lastOpening?.generation ?? 0,
    cause: lastOpening?.cause ?? null,
    openings: lastOpening === null ? 0 : 1,
    sending: 0,
    caller: null,
    holder: "",
  }),
  initial: "free",
  on: { "gate.opened": { actions: "open" } },
  states: {
    free: { on: { "caller.attached": { target: "held", actions: "admit" } } },
    held: {
      initial: "waiting",
      on: {
        "caller.attached": {
          guard: "isSameHolder",
          target: "held",
          reenter: true,
          actions: ["endPredecessor", "takeBack", "admit"],
        },
        "caller.detached": { guard: "isCaller", target: "free", actions: ["takeBack", "release"] },
      },
      states: {
        waiting: { always: { guard: "isOpen", target: "sending" } },
        sending: {
          entry: ["deliver", "close"],
          on: { "caller.ready": { guard: "isCaller", target: "waiting", actions: "settle" } },
        },
      },
    },
  },
});

/** Returns how many openings the first message to a new caller stands for: what it has seen goes before the gate's memory. */
function openingsFor(context: WaitGateContext, resumeAfter: number | null | undefined): number {
  if (resumeAfter === undefined) return context.openings;
  if (resumeAfter === null || context.generation > resumeAfter) return Math.max(context.openings, 1);
  return 0;
}

function messageOf({ cause, openings }: WaitGateContext): GateMessage {
  return { cause: cause ?? "STARTUP", coalesced: Math.max(openings - 1, 0) };
}
