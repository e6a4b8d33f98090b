import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import type { ContractPeer, Subject } from "./kubernetes-peer.contract.ts";
import { defineExpiry, defineLists, defineWatches } from "./kubernetes-reads.contract.ts";
import { defineControllers, definePods, defineWrites } from "./kubernetes-writes.contract.ts";

/**
 * The part of the Kubernetes API that this service, its simulated kubelets and their tests rely on. Runs on the
 * simulated server and on a real one, so that what holds for the first is known to hold for the second.
 */
export function describeKubernetesApi(name: string, start: () => Promise<ContractPeer & AsyncDisposable>): void {
  describe(name, () => {
    let running: (ContractPeer & AsyncDisposable) | null = null;
    const subject: Subject = {
      peer() {
        assert.ok(running !== null);
        return running;
      },
    };
    before(async () => {
      running = await start();
    });
    after(() => running?.[Symbol.asyncDispose]());
    describe("lists", () => defineLists(subject));
    describe("watches", () => defineWatches(subject));
    describe("writes", () => defineWrites(subject));
    describe("controllers", () => defineControllers(subject));
    describe("pods and leases", () => definePods(subject));
    describe("expiry", () => defineExpiry(subject));
  });
}
