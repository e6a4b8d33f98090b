import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import type { PrepullProgress } from "../support/grpc-messages.ts";
import { fastClock } from "./support/clocks.ts";
import { joinNode, NAMESPACE } from "./support/kubelets.ts";
import { type Peers, startPeers } from "./support/peers.ts";
import { missingTags, type Service, startReadyService } from "./support/service.ts";

const BUILT_IN = { prepuller: { enabled: true, namespace: NAMESPACE } };
const GIGABYTE = 1_000_000_000;

async function startFilledPeers(): Promise<Peers> {
  const peers = await startPeers();
  for (const tag of ["w_2077_43", "w_2077_42"]) peers.push(tag);
  peers.push("recommended", "w_2077_42");
  peers.cluster.put("namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
  return peers;
}

/** How far each image has come on a node, by tag: the state, and the reason where there is one. */
async function progressOn({ client }: Service, node: string): Promise<Readonly<Record<string, string>>> {
  const { status } = await client.call("GetPrepullStatus", {});
  const tagOf = ({ reference }: PrepullProgress) => reference.replace(/@.*$/, "").replace(/^.*:/, "");
  const stateOf = ({ prepullState, reason }: PrepullProgress) =>
    `${prepullState.replace("PREPULL_STATE_", "")} ${reason}`.trim();
  const entries = status.progress.filter((entry) => entry.node === node);
  return Object.fromEntries(entries.map((entry) => [tagOf(entry), stateOf(entry)]));
}

describe("an outside prepuller", { concurrency: true }, () => {
  test("its reports are the progress; success is a mark; new work joins the rest", async () => {
    await using peers = await startFilledPeers();
    peers.setNode("alder");
    await using service = await startReadyService(peers.config());
    const { client } = service;
    const report = (tag: string, state: string, reason = "") =>
      client.call("ReportPrepull", {
        reference: peers.pullReference(tag),
        node: "alder",
        prepullState: `PREPULL_STATE_${state}`,
        reason,
      });
    assert.equal((await report("w_2077_42", "PULLING")).applied, true);
    assert.deepEqual(await progressOn(service, "alder"), { w_2077_42: "PULLING", w_2077_43: "WAITING" });
    await report("w_2077_42", "FAILED", "ErrImagePull");
    assert.equal((await progressOn(service, "alder"))["w_2077_42"], "FAILED ErrImagePull");
    await report("w_2077_42", "PULLING");
    assert.equal((await report("w_2077_42", "SUCCEEDED")).applied, true);
    assert.deepEqual(await missingTags(service), { alder: ["w_2077_43"] });
    peers.push("w_2077_44");
    await client.call("Refresh", {});
    await eventually(async () => assert.equal((await progressOn(service, "alder"))["w_2077_44"], "WAITING"));
    await report("w_2077_44", "PULLING");
    assert.equal((await progressOn(service, "alder"))["w_2077_44"], "PULLING");
  });
});

describe("the built-in prepuller", { concurrency: true }, () => {
  test("pulls what nodes lack, also those that join later, and leaves no pod behind", async () => {
    await using peers = await startFilledPeers();
    await using _alder = await joinNode(peers, "alder");
    await using service = await startReadyService(peers.config(BUILT_IN));
    await eventually(async () => assert.deepEqual(await missingTags(service), {}));
    await using beech = await joinNode(peers, "beech");
    await eventually(() => assert.equal(beech.images.length, 2));
    await eventually(async () => assert.deepEqual(await missingTags(service), {}));
    peers.push("w_2077_44");
    await service.client.call("Refresh", {});
    await eventually(() => assert.equal(beech.images.length, 3));
    await eventually(() => assert.deepEqual(peers.cluster.list("pods"), []));
  });

  test("reports why a pull fails, goes on with the others, and tries again", async () => {
    await using peers = await startFilledPeers();
    await using alder = await joinNode(peers, "alder");
    alder.failPulls((reference) => (reference.includes("w_2077_42") ? "manifest unknown" : null));
    await using service = await startReadyService(peers.config(BUILT_IN), { clock: fastClock(20) });
    await eventually(async () => assert.deepEqual(await missingTags(service), { alder: ["w_2077_42"] }));
    await eventually(async () => {
      assert.equal((await progressOn(service, "alder"))["w_2077_42"], "FAILED ErrImagePull");
    });
    alder.failPulls(() => null);
    await eventually(async () => assert.deepEqual(await missingTags(service), {}), { withinMs: 10_000 });
  });

  test("cancels the pull to a node that may no longer be pulled to", async () => {
    await using peers = await startFilledPeers();
    await using _alder = await joinNode(peers, "alder", GIGABYTE / 100);
    await using service = await startReadyService(peers.config(BUILT_IN));
    await eventually(async () => assert.equal((await progressOn(service, "alder"))["w_2077_42"], "PULLING"));
    await eventually(() => assert.equal(peers.cluster.list("pods").length, 1));
    peers.cluster.patchNode("alder", { spec: { unschedulable: true } });
    await eventually(() => assert.deepEqual(peers.cluster.list("pods"), []));
    assert.ok(!Object.values(await progressOn(service, "alder")).includes("PULLING"));
  });
});
