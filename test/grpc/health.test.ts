import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { ask, failure, receive } from "./support/calls.ts";
import { startServer } from "./support/running-server.ts";

const SERVICE = "labimages.v1.ImageService";

describe("the health service", () => {
  test("says NOT_SERVING until it is set otherwise, overall and for the service", async (context) => {
    const { health, server } = await startServer(context);
    for (const service of ["", SERVICE]) {
      assert.equal((await ask(health, health.Check, { service })).status, "NOT_SERVING");
    }
    server.setServing(true);
    for (const service of ["", SERVICE]) {
      assert.equal((await ask(health, health.Check, { service })).status, "SERVING");
    }
    const { statuses } = await ask(health, health.List, {});
    assert.deepEqual(statuses, { "": { status: "SERVING" }, [SERVICE]: { status: "SERVING" } });
    server.setServing(false);
    assert.equal((await ask(health, health.Check, {})).status, "NOT_SERVING");
    assert.deepEqual((await ask(health, health.List, {})).statuses[SERVICE], { status: "NOT_SERVING" });
  });

  test("does not know other services", async (context) => {
    const { health } = await startServer(context);
    assert.equal((await failure(ask(health, health.Check, { service: "other.Service" }))).code, "NOT_FOUND");
    const told = await failure(ask(health, health.Check, { service: "x".repeat(300) }));
    assert.deepEqual([told.code, told.fields], ["INVALID_ARGUMENT", ["service"]]);
    const { messages } = receive(health.Watch({ service: "other.Service" }));
    await eventually(() => assert.deepEqual(messages, [{ status: "SERVICE_UNKNOWN" }]));
  });

  test("notifies watchers of each change, and of none that is none", async (context) => {
    const { health, server, openStreams } = await startServer(context);
    const call = health.Watch({ service: SERVICE });
    const { messages } = receive(call);
    await eventually(() => assert.equal(messages.length, 1));
    server.setServing(true);
    server.setServing(true);
    await eventually(() => assert.equal(messages.length, 2));
    server.setServing(false);
    await eventually(() => assert.equal(messages.length, 3));
    assert.deepEqual(
      messages.map(({ status }) => status),
      ["NOT_SERVING", "SERVING", "NOT_SERVING"],
    );
    call.cancel();
    await eventually(() => assert.equal(openStreams(), 0));
    server.setServing(true);
  });
});
