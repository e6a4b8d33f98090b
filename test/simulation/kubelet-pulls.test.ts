import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRegistryLink } from "../../src/simulation/kubelet/kubelet-pulls.ts";
import { manualClock } from "../support/manual-clock.ts";

const never = new AbortController().signal;

describe("registry link", () => {
  it("takes size / min(node bandwidth, link bandwidth / running transfers)", async () => {
    const clock = manualClock();
    const link = createRegistryLink(clock, 100);
    const ended: Record<string, number> = {};
    const transfer = (name: string, bytes: number, limit: number) => {
      const settled = link.transfer(bytes, limit, never).then(() => {
        ended[name] = clock.monotonicTime();
      });
      settled.catch(() => undefined);
    };
    transfer("slow node", 100, 10);
    transfer("a", 500, 1_000);
    // Three share the line from second 2 on: 33.3 bytes a second each, the slow node takes its 10.
    await clock.advance(2_000);
    assert.equal(link.running, 2);
    transfer("b", 100, 1_000);
    await clock.advance(60_000);
    assert.equal(link.running, 0);
    assert.equal(ended["slow node"], 10_000);
    assert.equal(ended["b"], 5_000);
    // 100 in 2 s, 100 in 3 s, 250 in the 5 s until the slow node ends, then the last 50 at full speed.
    assert.equal(ended["a"], 10_500);
  });

  it("gives the share of an aborted transfer to the others", async () => {
    const clock = manualClock();
    const link = createRegistryLink(clock, 100);
    const stop = new AbortController();
    const aborted = assert.rejects(link.transfer(1_000, 1_000, stop.signal), /stopped/);
    let ended = 0;
    const other = link.transfer(1_000, 1_000, never).then(() => {
      ended = clock.monotonicTime();
    });
    await clock.advance(10_000);
    stop.abort(new Error("stopped"));
    await clock.advance(60_000);
    await Promise.all([aborted, other]);
    assert.equal(ended, 15_000);
    await assert.rejects(link.transfer(1, 1, stop.signal), /stopped/);
  });
});
