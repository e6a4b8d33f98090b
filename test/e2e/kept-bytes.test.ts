import assert from "node:assert/strict";
import { test } from "node:test";
import { collectGarbage } from "../support/collect-garbage.ts";
import { eventually } from "../support/eventually.ts";
import { startPeers } from "./support/peers.ts";
import { startReadyService } from "./support/service.ts";

/** Nodes that report, one after the other. */
const NODES = 100;
/** What may be kept of each in encoded answers, in bytes; a slab of Node's shared pool has 65,536. */
const MAX_BYTES_A_NODE = 4_096;

test("F62: what is kept of a node's answers is their own bytes, not a slab of the shared pool", async () => {
  await using peers = await startPeers();
  peers.push("d_2077_10_23");
  const names = Array.from({ length: NODES }, (_, number) => `node-${number}`);
  for (const name of names) peers.setNode(name);
  await using service = await startReadyService(peers.config());
  const { client } = service;
  await client.call("GetPrepullStatus", {});
  const before = arrayBuffersInUse();
  for (const [at, name] of names.entries()) {
    peers.report(name, ["d_2077_10_23"]);
    await eventually(async () => {
      const { nodes } = await client.call("ListMissingImages", {});
      assert.equal(nodes.length, NODES - at - 1);
    });
    await client.call("GetPrepullStatus", {});
    // Whoever else takes of the pool meanwhile.
    for (let taken = 0; taken < Buffer.poolSize; taken += 1_024) Buffer.from("x".repeat(1_024));
  }
  const kept = arrayBuffersInUse() - before;
  assert.ok(kept < NODES * MAX_BYTES_A_NODE, `${kept} bytes are kept of ${NODES} nodes`);
});

/** Bytes outside of the heap that are held after a full collection. */
function arrayBuffersInUse(): number {
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}
