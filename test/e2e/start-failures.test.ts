import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";

const SCRIPT = join(import.meta.dirname, "support/failing-start.ts");
/** Far more than a process needs that has nothing left to do. */
const PATIENCE_MS = 30_000;

/** The parts in the order of their acquisition, with what releases each. */
const PARTS = [
  ["metrics", "metrics.close"],
  ["source", "source.close"],
  ["connection", "connection.close"],
  ["prepuller", "prepuller.ended"],
  ["service", "service.stop"],
  ["hook", "hook.stop"],
  ["grpc", "grpc.shutdown"],
  ["http", "http.stop"],
] as const;

interface Outcome {
  readonly message: string;
  readonly calls: readonly string[];
}

function releasesIn(calls: readonly string[]): readonly string[] {
  const releases: readonly string[] = PARTS.map(([, release]) => release);
  return calls.filter((call) => releases.includes(call));
}

/** The process ends by itself, or the test fails: a socket or a timer that was left open keeps it. */
function startWith(failing: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [SCRIPT, failing], { timeout: PATIENCE_MS }, (error, stdout, stderr) => {
      if ((error?.code ?? 0) === (failing === "" ? 0 : 1)) resolve(JSON.parse(stdout));
      else reject(new Error(`ended with ${error?.code ?? error?.signal ?? 0}: ${stderr}`));
    });
  });
}

describe("L5: a part fails to start", { concurrency: 2 }, () => {
  for (const failing of [...PARTS.map(([name]) => name), "grpc.start", "http.start", "service.start"]) {
    test(`${failing}: what was acquired before is released in reverse order, and nothing is left open`, async () => {
      const { message, calls } = await startWith(failing);
      assert.match(message, new RegExp(`injected failure of ${failing}$`));
      const acquired = PARTS.filter(([name]) => calls.includes(name));
      const position = PARTS.findIndex(([name]) => name === failing);
      assert.equal(acquired.length, position < 0 ? PARTS.length : position);
      assert.deepEqual(releasesIn(calls), acquired.map(([, release]) => release).reverse());
    });
  }

  test("a service that has started releases all of them when it stops, once the calls to it have ended", async () => {
    const { message, calls } = await startWith("");
    assert.equal(message, "");
    assert.deepEqual(releasesIn(calls).slice(-PARTS.length), PARTS.map(([, release]) => release).reverse());
  });
});
