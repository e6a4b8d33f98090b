import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PullReleasedError } from "../../src/domain/prepull/pull.ts";
import { eventually } from "../support/eventually.ts";
import { type LogLine, logLines } from "../support/log-lines.ts";
import { answerWatches, nodeObject, startCluster } from "./node-fixture.ts";
import { startPrepullBench } from "./prepull-fixture.ts";

const JSON_TYPE = { "content-type": "application/json" };

/** What an operator reads: level and message, with the error's where there is one. */
function read(lines: readonly LogLine[]): readonly string[] {
  return lines
    .filter(({ level }) => level !== "debug")
    .map(({ level, message, fields: { err, why } }) => {
      const detail = err instanceof Error ? `: ${err.message}` : typeof why === "string" ? `: ${why}` : "";
      return `${level}: ${message}${detail}`;
    });
}

describe("the log of the node watch", () => {
  it("F50: says that it works once it has, that it fails and why, and each change of the reason (F51)", async () => {
    const logger = logLines();
    await using cluster = await startCluster({ logger });
    const { api, connected } = cluster;
    const follower = connected.follow();
    await follower.list();
    await eventually(() => assert.deepEqual(read(logger.lines), ["info: node watch ok"]));
    let status = 500;
    answerWatches(api, Number.POSITIVE_INFINITY, (response) => response.writeHead(status, JSON_TYPE).end("{}"));
    api.closeWatches();
    const failures = () => read(logger.lines).filter((line) => line.startsWith("warn"));
    await eventually(() => assert.equal(failures().length, 1));
    status = 403;
    await eventually(() => assert.equal(failures().length, 2));
    assert.deepEqual(failures(), [
      "warn: node watch failed, retrying: cannot watch nodes: the Kubernetes API answers 500",
      "warn: node watch failed, retrying: the Kubernetes API does not allow our account to watch nodes (403)",
    ]);
    api.intercept(null);
    await follower.list();
    await eventually(() => assert.equal(read(logger.lines).at(-1), "info: node watch ok"));
  });

  it("F50: says of a watch that is silent what it has not received, and nothing else", async () => {
    const logger = logLines();
    await using cluster = await startCluster({ logger });
    const { api, connected, proxy } = cluster;
    api.putNode(nodeObject("node-a", [1]));
    await connected.follow().list();
    await eventually(() => assert.equal(api.watches, 1));
    proxy.setFault({ kind: "half-open" });
    await eventually(() =>
      assert.ok(read(logger.lines).includes("info: requested a node list: the watch sent nothing for 0.4 s")),
    );
  });
});

describe("the log of the pod watch", () => {
  it("F50: says that it fails and why, and that it works again", async () => {
    const logger = logLines();
    await using bench = await startPrepullBench();
    const life = new AbortController();
    const pull = bench.puller({ logger }).pull(bench.order("played", 1), life.signal);
    await eventually(() => assert.equal(bench.api.watches, 1));
    bench.api.intercept((request, response) => {
      if (request.method !== "GET") return false;
      response.writeHead(500, JSON_TYPE).end("{}");
      return true;
    });
    bench.api.closeWatches();
    const warning =
      "warn: pod watch failed, retrying: cannot list the prepuller's pods: the Kubernetes API answers 500";
    await eventually(() => assert.deepEqual(read(logger.lines), [warning]));
    bench.api.intercept(null);
    await eventually(() => assert.equal(bench.api.watches, 1));
    bench.api.closeWatches();
    await eventually(() => assert.deepEqual(read(logger.lines), [warning, "info: pod watch ok"]));
    life.abort(new PullReleasedError());
    await assert.rejects(pull, PullReleasedError);
  });
});
