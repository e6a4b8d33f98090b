import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { connectClient } from "../support/grpc-client.ts";

const ROOT = join(import.meta.dirname, "../..");
/** What a new user may wait for the first answer, milliseconds. */
const PATIENCE_MS = 15_000;

test("npm start answers within fifteen seconds, says that it is a simulation, and ends in order", async () => {
  const startedAt = performance.now();
  const child = spawn("npm", ["start", "--", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "ignore"],
    // A group of its own, so that a signal reaches the program behind npm as Ctrl+C does.
    detached: true,
  });
  const exited = once(child, "exit");
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  try {
    const address = await eventually(() => addressIn(lines), { withinMs: PATIENCE_MS });
    const client = connectClient(address);
    await eventually(async () => assert.equal(await client.health(), "SERVING"), { withinMs: PATIENCE_MS });
    const { menu, state } = await client.call("GetMenu", {});
    assert.ok(performance.now() - startedAt < PATIENCE_MS);
    assert.match(menu[0]?.name ?? "", /^Recommended \(Weekly /);
    assert.equal(state.stale, false);
    client.close();
    assert.ok(lines.some((line) => line.includes("SIMULATION")));
  } finally {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGINT");
    await exited;
  }
  assert.ok(
    lines.some((line) => line.includes("stopped")),
    lines.slice(-5).join("\n"),
  );
});

function addressIn(lines: readonly string[]): string {
  const [, address] = /^ *gRPC +(127\.0\.0\.1:\d+)$/m.exec(lines.join("\n")) ?? [];
  assert.ok(address !== undefined, "the demo has not told where it listens");
  return address;
}
