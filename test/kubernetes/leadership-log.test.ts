import assert from "node:assert/strict";
import { test } from "node:test";
import { elect, type Replica } from "./leadership-fixture.ts";
import { NAMESPACE, type PrepullBench, startPrepullBench } from "./prepull-fixture.ts";

/** What an operator reads: the lines above debug level since the last call. */
function linesOf({ log }: Replica): () => readonly string[] {
  let read = 0;
  return () => {
    const lines = log.slice(read).filter(({ level }) => level !== "debug");
    read = log.length;
    return lines.map(({ level, message }) => `${level}: ${message}`);
  };
}

function putHolder({ api }: PrepullBench, holderIdentity: string): void {
  const [lease] = api.list("leases");
  assert.ok(lease !== undefined);
  api.put("leases", { ...lease, spec: { ...lease.spec, holderIdentity } });
}

test("F50: a lease that is acquired, held by another one and released is said to be just that", async () => {
  await using bench = await startPrepullBench();
  const a = elect(bench, "a");
  await a.live(1);
  const b = elect(bench, "b");
  const [ofA, ofB] = [linesOf(a), linesOf(b)];
  await b.live(8_000);
  assert.deepEqual(ofA(), ["info: acquired leader lease"]);
  assert.deepEqual(ofB(), ["info: standby: a holds the lease"], "once, however often it is read");
  await a.leave();
  await b.live(6_000);
  assert.deepEqual(ofA(), ["info: released leader lease"]);
  assert.deepEqual(ofB(), ["info: acquired leader lease"]);
  await b.leave();
});

test("F50: an API server that cannot be reached is not taken for another leader", async () => {
  await using bench = await startPrepullBench();
  const a = elect(bench, "a");
  await a.live(1);
  const lines = linesOf(a);
  lines();
  bench.proxy.setFault({ kind: "refuse", applyToOpen: true });
  await a.live(12_000);
  const told = lines();
  assert.equal(told[0], "warn: cannot renew the leader lease: retrying");
  assert.deepEqual(
    told.filter((line) => !line.startsWith("warn: cannot renew")),
    ["warn: lost leader lease: not renewed for 10 s"],
  );
  bench.proxy.setFault(null);
  await a.live(6_000);
  assert.deepEqual(lines(), ["info: leader election works again", "info: acquired leader lease"]);
  await a.leave();
});

test("F50: whoever finds another name in its lease names it", async () => {
  await using bench = await startPrepullBench();
  const a = elect(bench, "a");
  await a.live(1);
  const lines = linesOf(a);
  lines();
  putHolder(bench, `pod-${"x".repeat(30_000)}`);
  await a.live(4_000);
  const told = lines();
  assert.equal(told.length, 2);
  assert.match(told[0] ?? "", /^warn: lost leader lease: pod-x+…x+… holds it$/);
  assert.match(told[1] ?? "", /^info: standby: pod-x+…x+… holds the lease$/);
  for (const line of told) assert.ok(line.length < 300, "a name of 30,000 characters is cut (F53b)");
  await a.leave();
});

test("F50: a lease that was deleted and cannot be created again is lost to nobody", async () => {
  await using bench = await startPrepullBench();
  const a = elect(bench, "a");
  await a.live(1);
  const lines = linesOf(a);
  lines();
  bench.api.intercept(({ method }, response) => {
    if (method !== "POST") return false;
    response.writeHead(403, { "content-type": "application/json" }).end(JSON.stringify({ kind: "Status", code: 403 }));
    return true;
  });
  const path = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/prepuller`;
  await fetch(`${bench.api.url}${path}`, { method: "DELETE" });
  await a.live(4_000);
  // Whoever asks in between, as this test does, learns of the loss before the attempt has ended.
  assert.deepEqual(lines().toSorted(), [
    "warn: cannot renew the leader lease: retrying",
    "warn: lost leader lease: it no longer names this replica",
  ]);
  await a.leave();
});

test("F51: another reason why the lease cannot be acquired is another line", async () => {
  await using bench = await startPrepullBench();
  let status = 403;
  bench.api.intercept((_request, response) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ kind: "Status", status }));
    return true;
  });
  const a = elect(bench, "a");
  await a.live(10_000);
  status = 500;
  await a.live(10_000);
  const warnings = a.log.filter(({ level }) => level === "warn");
  assert.deepEqual(
    warnings.map(({ message, fields }) => `${message}: ${fields["err"] instanceof Error ? fields["err"].message : ""}`),
    [
      "cannot acquire the leader lease: retrying: the Kubernetes API does not allow our account to read the leader lease (403)",
      "cannot acquire the leader lease: retrying: cannot read the leader lease: the Kubernetes API answers 500",
    ],
  );
  await a.leave();
});
