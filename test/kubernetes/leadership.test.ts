import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PullReleasedError } from "../../src/domain/prepull/pull.ts";
import { soleLeadership } from "../../src/kubernetes/lease/leadership.ts";
import { eventually } from "../support/eventually.ts";
import { elect, leaseSpec } from "./leadership-fixture.ts";
import { digest } from "./node-fixture.ts";
import { ended, startPrepullBench, unending } from "./prepull-fixture.ts";

describe("leadership by a lease", () => {
  it("makes the lease, leads, and renews it", async () => {
    await using bench = await startPrepullBench();
    const a = elect(bench, "a");
    await a.live(1);
    assert.deepEqual(a.told, [false, true]);
    const first = leaseSpec(bench);
    assert.deepEqual([first["holderIdentity"], first["leaseDurationSeconds"], first["leaseTransitions"]], ["a", 15, 0]);
    assert.match(String(first["renewTime"]), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    await a.live(30_000);
    assert.deepEqual(a.told, [false, true]);
    const later = leaseSpec(bench);
    assert.equal(later["acquireTime"], first["acquireTime"]);
    assert.notEqual(later["renewTime"], first["renewTime"]);
    await a.leave();
  });

  it("lets one of two lead that begin together, and keeps to it", async () => {
    await using bench = await startPrepullBench();
    const replicas = ["a", "b"].map((name) => elect(bench, name));
    for (let round = 0; round < 10; round += 1) for (const each of replicas) await each.live(2_000);
    assert.equal(replicas.filter(({ leadership }) => leadership.mayWrite()).length, 1);
    assert.equal(leaseSpec(bench)["leaseTransitions"], 0);
    for (const each of replicas) await each.leave();
  });

  it("passes to another when the leader stops without a word, and the old one does not act on it (K9)", async () => {
    await using bench = await startPrepullBench();
    const a = elect(bench, "a");
    await a.live(1);
    // Its clock is hours ahead, which must not matter.
    const b = elect(bench, "b", Date.UTC(2077, 9, 24));
    await b.live(14_000);
    assert.deepEqual(b.told, [false]);
    await b.live(6_000);
    assert.deepEqual(b.told, [false, true]);
    assert.equal(leaseSpec(bench)["leaseTransitions"], 1);
    const waking = a.clock.advance(60_000);
    assert.equal(a.leadership.mayWrite(), true, "nobody has told the sleeper yet");
    await waking;
    assert.equal(a.leadership.mayWrite(), false);
    await a.live(4_000);
    assert.deepEqual(a.told, [false, true, false]);
    assert.equal(leaseSpec(bench)["holderIdentity"], "b");
    for (const each of [a, b]) await each.leave();
  });

  it("may not write from the renew deadline on, leads again when the server is back, and says both", async () => {
    await using bench = await startPrepullBench();
    const a = elect(bench, "a");
    await a.live(1);
    bench.proxy.setFault({ kind: "refuse", applyToOpen: true });
    await a.live(9_500);
    assert.equal(a.leadership.mayWrite(), true);
    await a.live(1_000);
    assert.equal(a.leadership.mayWrite(), false);
    assert.deepEqual(a.told, [false, true, false]);
    bench.proxy.setFault(null);
    await a.live(5_000);
    assert.deepEqual(a.told, [false, true, false, true]);
    assert.equal(leaseSpec(bench)["leaseTransitions"], 0);
    await a.leave();
  });

  it("does not count a renewal whose answer comes too late", async () => {
    await using bench = await startPrepullBench();
    const a = elect(bench, "a");
    await a.live(1);
    const held: (() => void)[] = [];
    bench.api.intercept((request, _response, pass) => {
      if (request.method !== "PUT") return false;
      bench.api.intercept(null);
      held.push(pass);
      return true;
    });
    await a.clock.advance(2_000);
    await eventually(() => assert.equal(held.length, 1));
    await a.clock.advance(12_000);
    assert.deepEqual(a.told, [false, true, false]);
    for (const pass of held) pass();
    await eventually(() => assert.equal(a.clock.pending, 1));
    assert.equal(a.leadership.mayWrite(), false);
    await a.live(5_000);
    assert.deepEqual(a.told, [false, true, false, true]);
    await a.leave();
  });

  it("gives the lease up at its end, so that another need not wait", async () => {
    await using bench = await startPrepullBench();
    const a = elect(bench, "a");
    await a.live(1);
    const b = elect(bench, "b");
    await b.live(4_000);
    await a.leave();
    assert.equal(a.leadership.mayWrite(), false);
    assert.deepEqual(a.told, [false, true]);
    assert.equal(leaseSpec(bench)["holderIdentity"], "");
    assert.equal(a.clock.pending, 0);
    await b.live(4_000);
    assert.equal(b.leadership.mayWrite(), true);
    await b.leave();
  });

  it("does not give up what it has lost, and ends also where it cannot give up", async () => {
    await using bench = await startPrepullBench();
    const a = elect(bench, "a");
    await a.live(1);
    const b = elect(bench, "b");
    await b.live(20_000);
    await a.leave();
    assert.equal(leaseSpec(bench)["holderIdentity"], "b");
    bench.proxy.setFault({ kind: "refuse", applyToOpen: true });
    await b.leave();
    assert.equal(leaseSpec(bench)["holderIdentity"], "b");
  });

  it("yields where somebody else has put his name into the lease", async () => {
    await using bench = await startPrepullBench();
    const a = elect(bench, "a");
    await a.live(1);
    const [lease] = bench.api.list("leases");
    assert.ok(lease !== undefined);
    bench.api.put("leases", { ...lease, spec: { ...lease.spec, holderIdentity: "b" } });
    await a.live(2_000);
    assert.deepEqual(a.told, [false, true, false]);
    await a.leave();
    assert.equal(leaseSpec(bench)["holderIdentity"], "b");
  });

  it("creates the lease again where somebody has deleted it, and only its holder does so at once", async () => {
    await using bench = await startPrepullBench();
    const lease = `${bench.api.url}/apis/coordination.k8s.io/v1/namespaces/lab/leases/prepuller`;
    const a = elect(bench, "a");
    await a.live(1);
    const b = elect(bench, "b");
    await b.live(4_000);
    await fetch(lease, { method: "DELETE" });
    await b.live(8_000);
    assert.deepEqual(b.told, [false], "the holder does not know of the deletion yet");
    await a.live(4_000);
    assert.equal(leaseSpec(bench)["holderIdentity"], "a");
    assert.equal(a.leadership.mayWrite(), true);
    await fetch(lease, { method: "DELETE" });
    await b.live(20_000);
    assert.deepEqual(b.told, [false, true], "the holder has had its time");
    for (const each of [a, b]) await each.leave();
  });

  it("writes nothing more where somebody has deleted its lease and a stranger has taken it", async () => {
    await using bench = await startPrepullBench();
    const a = elect(bench, "a");
    await a.live(1);
    const [lease] = bench.api.list("leases");
    assert.ok(lease !== undefined);
    await fetch(`${bench.api.url}/apis/coordination.k8s.io/v1/namespaces/lab/leases/prepuller`, { method: "DELETE" });
    bench.api.intercept((request, _response, pass) => {
      if (request.method !== "POST") return false;
      bench.api.intercept(null);
      const { name, namespace } = lease.metadata;
      const spec = { ...lease.spec, holderIdentity: "stranger" };
      bench.api.put("leases", { ...lease, metadata: { name, ...(namespace ? { namespace } : {}) }, spec });
      pass();
      return true;
    });
    await a.live(2_500);
    assert.equal(a.leadership.mayWrite(), false);
    assert.equal(leaseSpec(bench)["holderIdentity"], "stranger");
    await a.leave();
  });

  it("keeps its length when the wall clock steps (P5)", async () => {
    await using bench = await startPrepullBench();
    const a = elect(bench, "a");
    await a.live(1);
    a.clock.stepWallTime(7_200_000);
    await a.live(20_000);
    a.clock.stepWallTime(-14_400_000);
    await a.live(20_000);
    assert.deepEqual(a.told, [false, true]);
    await a.leave();
  });

  it("never leads without the right to", async () => {
    await using bench = await startPrepullBench({ access: new Map([["t", { user: "nobody", rules: [] }]]) });
    const a = elect(bench, "a");
    await a.live(10_000);
    assert.deepEqual(a.told, [false]);
    await a.leave();
  });

  it("has one follower at a time, and none after an abort", async () => {
    await using bench = await startPrepullBench();
    const a = elect(bench, "a");
    assert.throws(() => a.leadership.follow(() => undefined, unending), /followed already/);
    await a.leave();
    a.leadership.follow(() => assert.fail("nothing is to be told"), AbortSignal.abort());
    assert.equal(a.leadership.mayWrite(), false);
  });
});

describe("leadership of two replicas that pull (K9)", () => {
  it("lets a pull pass to the successor with its pod, of which there is one", async () => {
    await using bench = await startPrepullBench();
    const [a, b] = [elect(bench, "a"), elect(bench, "b")];
    const order = bench.order("played", 1);
    while (!a.leadership.mayWrite()) await a.live(2_000);
    const ofA = assert.rejects(bench.puller({ leadership: a.leadership }).pull(order, unending), PullReleasedError);
    const pod = await bench.pod(order);
    await b.live(20_000);
    assert.equal(b.leadership.mayWrite(), true);
    const ofB = bench.puller({ leadership: b.leadership }).pull(order, unending);
    await a.clock.advance(60_000);
    await eventually(() => assert.equal(bench.count("POST"), 2));
    assert.equal((await bench.pod(order)).metadata.uid, pod.metadata.uid);
    await bench.say(order, ended(0, "Completed", `lab@${digest(1)}`));
    assert.deepEqual(await ofB, { kind: "pulled" });
    await ofA;
    assert.equal(bench.count("DELETE"), 1);
    for (const each of [a, b]) await each.leave();
  });
});

describe("leadership of the only replica", () => {
  it("leads from the start", () => {
    const told: boolean[] = [];
    soleLeadership.follow((leading) => told.push(leading), unending);
    soleLeadership.follow((leading) => told.push(leading), AbortSignal.abort());
    assert.deepEqual(told, [true]);
    assert.equal(soleLeadership.mayWrite(), true);
  });
});
