import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { NodeSource } from "../../src/ports.ts";
import { eventually } from "../support/eventually.ts";
import {
  assertInStep,
  type Cluster,
  digest,
  type Follower,
  followNodes,
  nodeObject,
  shortLimits,
  startCluster,
  watchRequests,
} from "./node-fixture.ts";

const NAMES = 8;
const STEPS = 60;

/** Numbers from 0 to under 1 that follow from the seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Holds that no node is ever shown as it was before it was shown otherwise: its image's number only grows. */
function createWitness() {
  const shown = new Map<string, number>();
  const gone = new Set<string>();
  return (follower: Follower) => {
    for (const [name, node] of follower.nodes) {
      const number = Number.parseInt(node.images[0]?.digests[0]?.slice("sha256:".length) ?? "", 16);
      const before = shown.get(name) ?? 0;
      assert.ok(gone.has(name) ? number > before : number >= before, `${name}: ${number} after ${before}`);
      shown.set(name, number);
      gone.delete(name);
    }
    for (const name of shown.keys()) if (!follower.nodes.has(name)) gone.add(name);
  };
}

/** The source, with a look at what the follower shows after each call. */
function witnessed(source: NodeSource, look: () => void): NodeSource {
  return {
    list: source.list,
    follow(listener, signal) {
      const changed = (changes: Parameters<typeof listener.changed>[0]) => {
        listener.changed(changes);
        look();
      };
      source.follow({ ...listener, changed }, signal);
    },
  };
}

/** Answers of lists are late, or fail, as the dice say: the server has made them before. */
function troubleLists({ api }: Cluster, random: () => number): void {
  api.intercept((request, response, pass) => {
    const url = request.url ?? "";
    if (url.includes("watch=true") || request.headers["x-inside"] !== undefined) return false;
    if (random() < 0.1) {
      response.writeHead(random() < 0.5 ? 500 : 410, { "content-type": "application/json" }).end("{}");
      return true;
    }
    if (random() < 0.3) {
      setTimeout(pass, random() * 30);
      return true;
    }
    fetch(api.url + url, { headers: { "x-inside": "yes" } }).then(
      async (made) => {
        const text = await made.text();
        setTimeout(() => {
          response.writeHead(made.status, { "content-type": "application/json" }).end(text);
        }, random() * 30);
      },
      () => response.destroy(),
    );
    return true;
  });
}

/** Ends all watches in order, and waits until none is left, since a response that has ended takes no more events. */
async function closeWatches({ api }: Cluster): Promise<void> {
  api.closeWatches();
  const until = performance.now() + 5_000;
  while (api.watches > 0 && performance.now() < until) await nextTurn();
}

async function takeStep(
  cluster: Cluster,
  follower: Follower,
  random: () => number,
  number: number,
  look: () => void,
): Promise<void> {
  const { api, proxy } = cluster;
  const name = `node-${Math.floor(random() * NAMES)}`;
  const exists = api.list("nodes").some((node) => node.metadata.name === name);
  const dice = random();
  if (dice < 0.55) api.putNode(nodeObject(name, [number]));
  else if (dice < 0.75 && exists) api.deleteNode(name);
  else if (dice < 0.85) follower.list().then(look, () => undefined);
  else if (dice < 0.9) await closeWatches(cluster);
  else if (dice < 0.95) proxy.cutAll();
  else if (dice < 0.97) api.expireHistory();
}

describe("node source (random faults)", () => {
  for (let seed = 1; seed <= 8; seed += 1) {
    it(`ends in step with the server, and never goes back in time (seed ${seed})`, async () => {
      const random = seeded(seed);
      await using cluster = await startCluster({ limits: { ...shortLimits, queue: { debounceMs: 2, maxChanges: 3 } } });
      const { api, connected } = cluster;
      const witness = createWitness();
      const failures: unknown[] = [];
      const look = () => {
        try {
          witness(follower);
        } catch (error) {
          failures.push(error);
        }
      };
      const follower = followNodes(witnessed(connected.source, look), connected.signal);
      await follower.list();
      troubleLists(cluster, random);
      for (let step = 1; step <= STEPS; step += 1) {
        await takeStep(cluster, follower, random, step, look);
        const until = performance.now() + random() * 12;
        await eventually(() => assert.ok(performance.now() >= until));
      }
      api.intercept(null);
      await follower.list().catch(() => undefined);
      await eventually(() => assert.equal(api.watches, 1));
      api.putNode(nodeObject("last", [STEPS + 1]));
      await eventually(() => assert.deepEqual(follower.nodes.get("last")?.images[0]?.digests, [digest(STEPS + 1)]));
      assertInStep(api, follower);
      assert.deepEqual(failures, [], `after ${watchRequests(api).length} watches`);
    });
  }
});
