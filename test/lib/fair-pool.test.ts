import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createFairPool, type FairPool } from "../../src/lib/concurrency.ts";

/** Takes parts by name, and notes whose parts are taken away. */
function players(pool: FairPool) {
  const lost: string[] = [];
  const yielding = new Set<string>();
  const members = new Map<string, object>();
  function take(owner: string, member: string, part: string, amount = 1) {
    const key = members.get(member) ?? {};
    members.set(member, key);
    const holder = { yields: () => yielding.has(part), evict: () => void lost.push(part) };
    return pool.take({ owner, member: key, amount }, holder);
  }
  return { take, lost, yielding };
}

describe("a fair pool", () => {
  it("gives all of it to whoever is alone, and nothing beyond", () => {
    const { take, lost } = players(createFairPool(3));
    for (const part of ["a1", "a2", "a3"]) assert.notEqual(take("a", "A", part), null);
    assert.equal(take("a", "A", "a4"), null);
    assert.deepEqual(lost, []);
  });

  it("takes from the owner that holds most, the oldest first, until both hold as much", () => {
    const { take, lost } = players(createFairPool(5));
    for (const part of ["a1", "a2", "a3", "a4", "a5"]) take("a", "A", part);
    for (const part of ["b1", "b2"]) assert.notEqual(take("b", "B", part), null);
    assert.equal(take("b", "B", "b3"), null);
    assert.deepEqual(lost, ["a1", "a2"]);
  });

  it("takes from the largest member where the owner is the same", () => {
    const { take, lost } = players(createFairPool(3));
    for (const part of ["x1", "x2"]) take("a", "X", part);
    take("a", "Y", "y1");
    assert.notEqual(take("a", "Z", "z1"), null);
    assert.deepEqual(lost, ["x1"]);
    assert.equal(take("a", "Z", "z2"), null);
  });

  it("takes what yields first, from others than the member that asks, whoever holds more", () => {
    const { take, lost, yielding } = players(createFairPool(3));
    for (const part of ["x1", "x2"]) take("a", "X", part);
    take("a", "Y", "y1");
    yielding.add("x2").add("y1");
    assert.notEqual(take("a", "Y", "y2"), null);
    assert.deepEqual(lost, ["x2"]);
    assert.equal(take("a", "Y", "y3"), null);
    yielding.add("x1");
    assert.notEqual(take("a", "Y", "y3"), null);
    assert.deepEqual(lost, ["x2", "x1"]);
  });

  it("takes nothing but what yields where it is patient", () => {
    const pool = createFairPool(10, { patient: true });
    const { take, lost, yielding } = players(pool);
    take("a", "A", "a1", 9);
    assert.equal(take("b", "B", "b1", 2), null);
    assert.equal(pool.hasRoom(1), true);
    assert.equal(pool.hasRoom(2), false);
    yielding.add("a1");
    assert.notEqual(take("b", "B", "b1", 2), null);
    assert.deepEqual(lost, ["a1"]);
  });

  it("has room again for what is given back, once", () => {
    const { take } = players(createFairPool(2));
    const first = take("a", "A", "a1");
    take("a", "A", "a2");
    first?.release();
    first?.release();
    assert.notEqual(take("a", "A", "a3"), null);
    assert.equal(take("a", "A", "a4"), null);
  });

  it("lets one that asks for more than there is have it alone", () => {
    const { take } = players(createFairPool(2, { patient: true }));
    const large = take("a", "A", "a1", 5);
    assert.notEqual(large, null);
    assert.equal(take("b", "B", "b1"), null);
    large?.release();
    assert.notEqual(take("b", "B", "b1"), null);
  });
});
