import assert from "node:assert/strict";
import { type AnyEventObject, createActor, fromCallback, fromPromise, setup } from "xstate";
import { NO_WORK } from "../../src/domain/prepull/prepull-work.ts";
import type { RecoveredPulls } from "../../src/domain/prepull/pull.ts";
import type { PrepullState } from "../../src/domain/snapshot/answers.ts";
import type { PrepullerSettings } from "../../src/machines/prepuller/prepull-state.ts";
import { prepullerMachine } from "../../src/machines/prepuller/prepuller.ts";
import type { Recovered, RecoverInput } from "../../src/machines/prepuller/prepuller-events.ts";
import { actorClock } from "./actor-clock.ts";
import { digest } from "./image-world.ts";
import { manualClock } from "./manual-clock.ts";
import { heldPulls, prepullerSettings, timesOf, type WorkContent, workWith } from "./prepull-world.ts";

/** What the effect `recover` answers, one after the other; nothing is found where it is empty. */
type Recoveries = (Partial<RecoveredPulls> | Error)[];

/** A prepuller under a parent that writes down what it is told; this replica leads unless `leading` is false. */
export function prepuller(changes: Partial<PrepullerSettings> = {}, { leading = true, random = (): number => 0 } = {}) {
  const clock = manualClock();
  const pulls = heldPulls();
  const told: AnyEventObject[] = [];
  const recoveries: Recoveries = [];
  const recovered: RecoverInput[] = [];
  let lead: (leads: boolean) => void = () => undefined;
  const machine = prepullerMachine.provide({
    actors: {
      pull: pulls.logic,
      leadership: fromCallback<AnyEventObject>(({ sendBack }) => {
        lead = (leads) => sendBack({ type: leads ? "leadership.gained" : "leadership.lost" });
        lead(leading);
      }),
      recover: fromPromise<Recovered, RecoverInput>(async ({ input }) => {
        recovered.push(input);
        const next = recoveries.shift() ?? {};
        if (next instanceof Error) throw next;
        return { ended: [], inProgress: [], refusal: null, ...next };
      }),
    },
  });
  const input = { settings: prepullerSettings(changes), work: NO_WORK, now: timesOf(clock), random };
  const parent = setup({
    actors: { prepuller: machine },
    actions: { write: ({ event }) => told.push(event.type === "prepuller.emitted" ? event["news"] : event) },
  }).createMachine({ invoke: { id: "prepuller", src: "prepuller", input }, on: { "*": { actions: "write" } } });
  const actor = createActor(parent, { clock: actorClock(clock) }).start();
  const child = actor.getSnapshot().children["prepuller"];
  assert.ok(child);
  return {
    clock,
    pulls,
    recoveries,
    recovered,
    stop: () => actor.stop(),
    lead: (leads: boolean) => lead(leads),
    /** The work is this now; what follows from it has happened when the promise settles. */
    async work(content: WorkContent): Promise<void> {
      child.send({ type: "work.changed", work: workWith(content) });
      await clock.advance(0);
    },
    report: (node: string, name: string, state: PrepullState) =>
      child.send({
        type: "prepull.reported",
        report: { digest: digest(name), node, state, reason: "", message: "", failureClass: null },
      }),
    context: () => child.getSnapshot().context,
    state: () => child.getSnapshot().context.state,
    /** What is known of the images that a node lacks. */
    records: (node: string) => child.getSnapshot().context.state.nodes.get(node)?.context.records ?? [],
    /** How many actors there are below the prepuller, effects included. */
    children: () => Object.keys(child.getSnapshot().children).length,
    news: () => told.splice(0).filter(({ type }) => type !== "slots.changed"),
    /** The slots as they were reported last, of what has not been read. */
    slots: () => told.findLast(({ type }) => type === "slots.changed"),
    types(): readonly string[] {
      const types = told.splice(0).map(({ type }) => type);
      return types.filter((type) => type !== "progress.changed" && type !== "slots.changed");
    },
  };
}

/** So many nodes that lack the same images. */
export function nodes(count: number, names: readonly string[]): Record<string, readonly string[]> {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`n${at}`, names]));
}
