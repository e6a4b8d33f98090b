import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { eventually } from "../support/eventually.ts";
import { elect, leaseAnnotation, leaseSpec } from "./leadership-fixture.ts";
import { startPrepullBench } from "./prepull-fixture.ts";

describe("a registry notification that reaches one replica", () => {
  const announced = (replica: { readonly announced: readonly number[] }) => replica.announced.length;

  it("F72: is announced in the lease, and the leader learns of it within two seconds", async () => {
    await using bench = await startPrepullBench();
    const leader = elect(bench, "a");
    await leader.live(1);
    const standby = elect(bench, "b");
    await standby.live(1);
    for (let round = 1; round <= 3; round += 1) {
      const before = leaseAnnotation(bench);
      standby.leadership.announce();
      await eventually(() => assert.notEqual(leaseAnnotation(bench), before));
      await leader.live(2_000);
      assert.equal(announced(leader), round);
      assert.equal(leader.leadership.mayWrite(), true, "the write between two renewals costs no leadership");
      await standby.live(5_000);
    }
    assert.equal(announced(standby), 0, "a replica is not notified of its own announcement");
    assert.equal(leaseSpec(bench)["leaseTransitions"], 0);
    for (const each of [leader, standby]) await each.leave();
  });

  it("F72: is learned by the standbys too, and by a replica that starts later", async () => {
    await using bench = await startPrepullBench();
    const leader = elect(bench, "a");
    await leader.live(1);
    const standby = elect(bench, "b");
    await standby.live(1);
    leader.leadership.announce();
    await eventually(() => assert.match(String(leaseAnnotation(bench)), / a /));
    await standby.live(5_000);
    assert.equal(announced(standby), 1);
    await leader.live(5_000);
    assert.equal(announced(leader), 0);
    const late = elect(bench, "c");
    await late.live(1);
    assert.equal(announced(late), 1, "it may have listed the tags before the notification");
    for (const each of [leader, standby, late]) await each.leave();
  });

  it("F72: is no news to a replica that starts minutes later, and the next one is", async () => {
    await using bench = await startPrepullBench();
    const leader = elect(bench, "a");
    await leader.live(1);
    leader.leadership.announce();
    await eventually(() => assert.match(String(leaseAnnotation(bench)), / a /));
    const late = elect(bench, "b", leader.clock.wallTime() + 120_000);
    await late.live(5_000);
    assert.equal(announced(late), 0);
    await leader.live(1_000);
    const before = leaseAnnotation(bench);
    leader.leadership.announce();
    await eventually(() => assert.notEqual(leaseAnnotation(bench), before));
    await late.live(5_000);
    assert.equal(announced(late), 1);
    for (const each of [leader, late]) await each.leave();
  });

  it("F72: is passed on by a replica that reads the lease meanwhile, and neither value is news to it", async () => {
    await using bench = await startPrepullBench();
    const leader = elect(bench, "a");
    await leader.live(1);
    const standby = elect(bench, "b");
    await standby.live(1);
    leader.leadership.announce();
    await eventually(() => assert.match(String(leaseAnnotation(bench)), / a /));
    await standby.live(5_000);
    assert.equal(announced(standby), 1);
    const held: (() => void)[] = [];
    let reads = 0;
    bench.api.intercept((request, response, pass) => {
      response.once("finish", () => {
        if (request.method === "GET") reads += 1;
      });
      if (request.method === "PUT") held.push(pass);
      return request.method === "PUT";
    });
    standby.leadership.announce();
    await eventually(() => assert.deepEqual([held.length, reads], [1, 1]));
    await standby.clock.advance(4_000);
    await eventually(() => assert.equal(reads, 2));
    bench.api.intercept(null);
    for (const pass of held) pass();
    await eventually(() => assert.match(String(leaseAnnotation(bench)), / b /));
    await standby.live(5_000);
    assert.equal(announced(standby), 1);
    for (const each of [leader, standby]) await each.leave();
  });
});
