import { assertEvent, assign, setup } from "xstate";
import type { GateMessage, RefreshCause } from "../ports.ts";

/** The data have been refreshed: every gate opens. */
export interface GateOpened {
  readonly type: "gate.opened";
  readonly generation: number;
  readonly cause: RefreshCause;
}

/** What happens to one gate. `caller` is an id that the coordinator's owner hands out, new for each caller. */
export type WaitGateEvent =
  | GateOpened
  | {
      readonly type: "caller.attached";
      readonly caller: number;
      readonly holder: string;
      /** Where the caller was, in this process (null: another process) or undefined where it does not say. */
      readonly resumeAfter: number | null | undefined;
    }
  | { readonly type: "caller.ready"; readonly caller: number }
  | { readonly type: "caller.detached"; readonly caller: number };

/** What a gate is given when it is made: the last data refresh, so that its first caller misses nothing. */
export interface WaitGateInput {
  readonly name: string;
  readonly lastOpening: { readonly generation: number; readonly cause: RefreshCause } | null;
}

interface WaitGateContext {
  readonly name: string;
  readonly generation: number;
  readonly cause: RefreshCause | null;
  /** Openings since the last message. */
  readonly openings: number;
  /** Openings that the last message stands for, while the transport has not taken it. */
  readonly sending: number;
  readonly caller: number | null;
  readonly holder: string;
}

/** Why a caller's session ends against its will. */
export type GateEnd = "busy" | "taken-over";

/**
 * One wait gate (docs/spec/refresh.md): it remembers that the data have been refreshed until it has told its caller.
 * One caller at a time; another one is refused, unless it names the same holder. A message is sent only when the
 * caller is ready for it, so a slow one finds all openings since then in one; a message that the transport had not
 * taken when its caller went is told to the next one. The actions `deliver` and `end` are provided from outside.
 */
export const waitGateMachine = setup({
  types: { context: {} as WaitGateContext, input: {} as WaitGateInput, events: {} as WaitGateEvent },
  actions: {
    deliver: (_, _params: { caller: number | null; message: GateMessage }) => undefined,
    end: (_, _params: { caller: number | null; gate: string; why: GateEnd }) => undefined,
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
        "caller.attached": [
          {
            guard: "isSameHolder",
            target: "held",
            reenter: true,
            actions: [
              {
                type: "end",
                params: ({ context }) => ({ caller: context.caller, gate: context.name, why: "taken-over" as const }),
              },
              "takeBack",
              "admit",
            ],
          },
          {
            actions: {
              type: "end",
              params: ({ context, event }) => ({ caller: event.caller, gate: context.name, why: "busy" as const }),
            },
          },
        ],
        "caller.detached": { guard: "isCaller", target: "free", actions: ["takeBack", "release"] },
      },
      states: {
        waiting: { always: { guard: "isOpen", target: "sending" } },
        sending: {
          entry: [
            { type: "deliver", params: ({ context }) => ({ caller: context.caller, message: messageOf(context) }) },
            "close",
          ],
          on: { "caller.ready": { guard: "isCaller", target: "waiting", actions: "settle" } },
        },
      },
    },
  },
});

/** How many openings a new caller has to be told of: its own word goes before the gate's memory. */
function openingsFor(context: WaitGateContext, resumeAfter: number | null | undefined): number {
  if (resumeAfter === undefined) return context.openings;
  if (resumeAfter === null || context.generation > resumeAfter) return Math.max(context.openings, 1);
  return 0;
}

function messageOf({ cause, openings }: WaitGateContext): GateMessage {
  return { cause: cause ?? "STARTUP", coalesced: Math.max(openings - 1, 0) };
}
