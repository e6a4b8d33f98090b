import assert from "node:assert/strict";
import { test } from "node:test";
import { createLimitObserver } from "../../src/service/observers/limit-observer.ts";
import { logLines } from "../support/log-lines.ts";
import { manualClock } from "../support/manual-clock.ts";

test("F60: a limit that is reached is logged at once, and then once a minute with how often it was", async () => {
  const clock = manualClock();
  const log = logLines();
  let counted = 0;
  const limitReached = () => {
    counted += 1;
  };
  const observer = createLimitObserver({ logger: log, clock, metrics: { limitReached } });
  const reach = (times: number, peer: string) => {
    for (let time = 0; time < times; time += 1) observer.reached({ protocol: "grpc", limit: "calls" }, peer);
  };
  const logged = () => log.lines.map(({ fields: { limit, count, peer } }) => [limit, count, peer]);
  reach(1, "192.0.2.1");
  reach(1_000, "192.0.2.2");
  observer.reached({ protocol: "http", limit: "bodies" }, "192.0.2.3");
  assert.equal(counted, 1_002);
  const first = [
    ["calls", 1, "192.0.2.1"],
    ["bodies", 1, "192.0.2.3"],
  ];
  assert.deepEqual(logged(), first);
  await clock.advance(59_999);
  assert.deepEqual(logged(), first);
  await clock.advance(1);
  assert.deepEqual(logged(), [...first, ["calls", 1_000, "192.0.2.2"]]);
  reach(3, "192.0.2.4");
  await clock.advance(60_000);
  assert.deepEqual(logged().slice(3), [["calls", 3, "192.0.2.4"]]);
  await clock.advance(60_000);
  assert.equal(clock.pending, 0);
  reach(1, "192.0.2.5");
  assert.deepEqual(logged().slice(4), [["calls", 1, "192.0.2.5"]]);
  observer.stop();
  assert.equal(clock.pending, 0);
});
