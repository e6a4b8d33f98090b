import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createPodSlots, type PodSlots } from "../../src/kubernetes/pods/pod-slots.ts";
import { unending } from "./prepull-fixture.ts";

/** Asks for slots, and notes in which order they were given. */
function asking(slots: PodSlots) {
  const given: string[] = [];
  return {
    given,
    ask: (name: string, signal = unending) => slots.take(name, signal).then(() => void given.push(name)),
  };
}

describe("pod slots", () => {
  it("are given in the order of asking, and never more than there are", async () => {
    const slots = createPodSlots(2);
    const { given, ask } = asking(slots);
    const all = ["a", "b", "c", "d"].map((name) => ask(name));
    await turn();
    assert.deepEqual(given, ["a", "b"]);
    slots.giveBack("a");
    slots.giveBack("a");
    await turn();
    assert.deepEqual(given, ["a", "b", "c"]);
    slots.giveBack("b");
    await Promise.all(all);
    assert.deepEqual(given, ["a", "b", "c", "d"]);
  });

  it("are not kept for who has given up", async () => {
    const slots = createPodSlots(1);
    const { given, ask } = asking(slots);
    await ask("a");
    const impatience = new AbortController();
    const reason = new Error("enough");
    const gaveUp = assert.rejects(ask("b", impatience.signal), reason);
    const patient = ask("c");
    impatience.abort(reason);
    await gaveUp;
    await assert.rejects(slots.take("d", impatience.signal), reason);
    slots.giveBack("b");
    slots.giveBack("a");
    await patient;
    assert.deepEqual(given, ["a", "c"]);
  });

  it("count pods that are left over until they have ended, been adopted and given back, or are not listed again", async () => {
    const slots = createPodSlots(2);
    const { given, ask } = asking(slots);
    slots.leftOver(["x", "y", "z"]);
    const waiting = ["a", "b", "c", "d"].map((name) => ask(name));
    await ask("x");
    slots.ended("y");
    slots.ended("y");
    await turn();
    assert.deepEqual(given, ["x"], "one is adopted, another still pulls");
    slots.ended("z");
    await turn();
    assert.deepEqual(given, ["x", "a"]);
    slots.leftOver(["x", "y"]);
    slots.giveBack("x");
    await turn();
    assert.deepEqual(given, ["x", "a"], "who is adopted does not count twice, who is left over does");
    slots.leftOver([]);
    await turn();
    assert.deepEqual(given, ["x", "a", "b"]);
    for (const name of ["a", "b"]) slots.giveBack(name);
    await Promise.all(waiting);
  });
});
