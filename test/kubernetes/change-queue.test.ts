import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createChangeQueue } from "../../src/kubernetes/watch/change-queue.ts";
import type { NodeChange } from "../../src/ports.ts";
import { manualClock } from "../support/manual-clock.ts";

function reported(name: string, uid = name): NodeChange {
  return {
    type: "node.reported",
    node: {
      name,
      uid,
      os: null,
      labels: {},
      createdAt: null,
      notReadySince: null,
      architecture: null,
      taints: [],
      images: [],
    },
    observedAt: 0,
  };
}

function removed(name: string, uid = name): NodeChange {
  return { type: "node.removed", name, uid, observedAt: 0 };
}

describe("change queue", () => {
  function start(maxChanges = 100) {
    const clock = manualClock();
    const batches: (readonly NodeChange[])[] = [];
    const queue = createChangeQueue(clock, { debounceMs: 50, maxChanges }, (changes) => batches.push(changes));
    return { clock, batches, queue };
  }

  it("hands over what 50 ms bring, the latest of each node, in the order of the latest", async () => {
    const { clock, batches, queue } = start();
    queue.add(reported("a"));
    queue.add(reported("b"));
    await clock.advance(49);
    queue.add(removed("a"));
    assert.deepEqual(batches, []);
    await clock.advance(1);
    assert.deepEqual(batches, [[reported("b"), removed("a")]]);
    await clock.advance(1_000);
    assert.equal(batches.length, 1);
  });

  it("does not wait when enough nodes have changed", () => {
    const { batches, queue } = start(2);
    queue.add(reported("a"));
    queue.add(reported("a"));
    assert.equal(batches.length, 0);
    queue.add(reported("b"));
    assert.deepEqual(batches, [[reported("a"), reported("b")]]);
  });

  it("reports the end of each node of a name that passes on within the moment", async () => {
    const { clock, batches, queue } = start();
    queue.add(reported("a", "1"));
    queue.add(removed("a", "1"));
    queue.add(reported("a", "2"));
    queue.add(removed("a", "2"));
    await clock.advance(50);
    // Whoever holds the first node learns nothing from the end of the second one.
    assert.deepEqual(batches, [[removed("a", "1"), removed("a", "2")]]);
  });

  it("flushes at once, and forgets on demand", async () => {
    const { clock, batches, queue } = start();
    queue.add(reported("a"));
    queue.flush();
    queue.flush();
    queue.add(reported("b"));
    queue.clear();
    await clock.advance(1_000);
    assert.deepEqual(batches, [[reported("a")]]);
    assert.equal(clock.pending, 0);
  });
});
