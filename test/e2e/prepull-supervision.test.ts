import assert from "node:assert/strict";
import { test } from "node:test";
import { fastClock } from "./support/clocks.ts";
import { breakGuard } from "./support/defects.ts";
import { builtIn, podOn, provePod, soon, startPrepullPeers, taskOn, untilTaskIs } from "./support/prepull-scene.ts";

/*
 * P6 with the built-in prepuller. The defect is put in while the machines are loaded, so all that rests on them is
 * imported afterwards.
 */
const broken = new Set<string>();
breakGuard("nodePrepull", "isPulling", ({ context }) => broken.delete(String(context["node"])));
const { startReadyService } = await import("./support/service.ts");

test("a node whose chart throws begins again, and takes its pull up; the others do not notice", async () => {
  await using peers = await startPrepullPeers(["w_2077_42", "w_2077_43"]);
  for (const node of ["alder", "beech"]) peers.setNode(node);
  const config = peers.config({ images: { numDailies: 0 }, prepuller: builtIn() });
  await using service = await startReadyService(config, { clock: fastClock(5) });
  const run = { peers, service };
  provePod(peers, await podOn(peers, "beech", "w_2077_42"));
  await untilTaskIs(run, "beech", "w_2077_43", "PULLING");
  const pod = await podOn(peers, "alder", "w_2077_42");
  broken.add("alder");
  peers.push("w_2077_44");
  await service.client.call("Refresh", {});
  await soon(async () => assert.equal(await taskOn(run, "alder", "w_2077_42"), undefined));
  assert.equal((await taskOn(run, "beech", "w_2077_42"))?.prepullState, "SUCCEEDED");
  assert.equal((await taskOn(run, "beech", "w_2077_43"))?.prepullState, "PULLING");
  await untilTaskIs(run, "alder", "w_2077_44", "WAITING");
  await untilTaskIs(run, "alder", "w_2077_42", "PULLING");
  assert.equal((await podOn(peers, "alder", "w_2077_42")).metadata.uid, pod.metadata.uid);
  assert.equal((await taskOn(run, "beech", "w_2077_42"))?.prepullState, "SUCCEEDED");
});
