import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, failure, receive } from "../support/calls.ts";
import { fakeState, snapshotOf } from "../support/fake-state.ts";
import { startServer } from "../support/running-server.ts";

test("methods whose time has not come say UNIMPLEMENTED, and are counted", async (context) => {
  const { client, calls } = await startServer(context, { state: fakeState(snapshotOf(1, { images: [] })) });
  const report = await failure(ask(client, client.ReportPrepull, { node: "n" }));
  assert.equal(report.code, "UNIMPLEMENTED");
  assert.match(report.text, /ReportPrepull/);
  const watch = await receive(client.WatchPrepullStatus({})).ended;
  assert.equal(watch.code, "UNIMPLEMENTED");
  assert.match(watch.text, /WatchPrepullStatus/);
  assert.deepEqual(
    calls.map(({ method, code }) => [method, code]),
    [
      ["labimages.v1.ImageService/ReportPrepull", "UNIMPLEMENTED"],
      ["labimages.v1.ImageService/WatchPrepullStatus", "UNIMPLEMENTED"],
    ],
  );
});
