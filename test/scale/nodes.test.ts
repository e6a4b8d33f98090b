import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { connectSource, type Follower } from "../kubernetes/node-fixture.ts";
import { eventually } from "../support/eventually.ts";

const WITHIN = { withinMs: 60_000 };

interface ScaleServer extends AsyncDisposable {
  readonly kubeconfig: string;
  /** Changes all nodes at once; resolves when the server has done so. */
  changeAll(): Promise<void>;
}

async function startServer(nodes: number): Promise<ScaleServer> {
  const script = join(import.meta.dirname, "scale-server.ts");
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(process.execPath, [script, String(nodes)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async () => String((await lines.next()).value);
  const server = `http://127.0.0.1:${await nextLine()}`;
  return {
    kubeconfig: `{clusters: [{name: c, cluster: {server: "${server}", insecure-skip-tls-verify: true}}],
      users: [{name: u, user: {}}], contexts: [{name: x, context: {cluster: c, user: u}}], current-context: x}`,
    async changeAll() {
      child.stdin.write("\n");
      await nextLine();
    },
    async [Symbol.asyncDispose]() {
      const exit = once(child, "exit");
      child.stdin.end();
      await exit;
    },
  };
}

/** Heap in use after a full collection, in megabytes. */
function heapMegabytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed / 1e6;
}

/** Runs the work; answers how long it took and the longest time that the event loop stood still, in milliseconds. */
async function timed(work: () => Promise<void>): Promise<{ totalMs: number; longestMs: number }> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const started = performance.now();
  await work();
  delay.disable();
  return { totalMs: performance.now() - started, longestMs: delay.max / 1e6 };
}

function allShow(follower: Follower, nodes: number, round: number): void {
  assert.equal(follower.nodes.size, nodes);
  for (const [name, node] of follower.nodes) {
    const expected = (Number(name.slice(5)) + round) % 600;
    assert.equal(node.images[0]?.digests[0], `sha256:${expected.toString(16).padStart(64, "0")}`, name);
  }
}

describe("node source at scale (K11)", () => {
  for (const nodes of [100, 1_000, 5_000]) {
    it(`keeps up with ${nodes} nodes of 50 images that all change at once`, async (context) => {
      await using server = await startServer(nodes);
      await using connected = await connectSource(server.kubeconfig, { limits: {} });
      const before = heapMegabytes();
      const follower = connected.follow();
      const list = await timed(() => follower.list());
      allShow(follower, nodes, 0);
      const held = heapMegabytes() - before;
      await eventually(() => assert.deepEqual(follower.health, [null]), WITHIN);

      const change = await timed(async () => {
        await server.changeAll();
        await eventually(
          () => assert.ok(follower.batches.reduce((sum, batch) => sum + batch.length, 0) >= nodes),
          WITHIN,
        );
      });
      allShow(follower, nodes, 1);
      const sizes = follower.batches.map((batch) => batch.length);
      assert.ok(Math.max(...sizes) <= 20, "no call brings more than 20 changes");
      // Some calls are due to time and not to number, on a slow machine more of them.
      assert.ok(sizes.length <= nodes / 10 + 20, `${sizes.length} calls for ${nodes} changes`);
      const distinct = new Set([...follower.nodes.values()].flatMap((node) => node.images));
      assert.ok(distinct.size <= 600, "equal images are shared between nodes");
      follower.batches.length = 0;
      const heldAfter = heapMegabytes() - before;
      assert.ok(heldAfter < 20 + nodes * 0.01, `${heldAfter} MB`);
      context.diagnostic(
        `list ${list.totalMs.toFixed(0)} ms, longest stop ${list.longestMs.toFixed(1)} ms, ${held.toFixed(1)} MB held; ` +
          `all changed: ${change.totalMs.toFixed(0)} ms, longest stop ${change.longestMs.toFixed(1)} ms, ` +
          `${sizes.length} calls, ${heldAfter.toFixed(1)} MB held`,
      );
    });
  }
});
