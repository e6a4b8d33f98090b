import assert from "node:assert/strict";
import { test } from "node:test";
import { Metadata } from "@grpc/grpc-js";
import type { ImageServiceClient } from "../../src/grpc/gen/labimages/v1/ImageService.ts";
import { accountName, callerWorld, tokenOf } from "../support/callers.ts";
import { eventually } from "../support/eventually.ts";
import { fakeState, snapshotOf } from "./support/fake-state.ts";
import { digestOf, REGISTRY, REPOSITORY } from "./support/images.ts";
import { type LogLine, startServer } from "./support/running-server.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const TRACEPARENT = `00-${TRACE}-${SPAN}-01`;

function metadataOf(values: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(values)) metadata.set(name, value);
  return metadata;
}

/** Settles when the call has ended, however. */
function menu(client: ImageServiceClient, values: Readonly<Record<string, string>>): Promise<void> {
  return new Promise((resolve) => void client.getMenu({}, metadataOf(values), () => resolve()));
}

const traces = (log: readonly LogLine[]) => log.map(({ fields }) => [fields["traceId"], fields["spanId"]]);

test("at debug each call is logged with its end, its caller and the trace that it names", async (context) => {
  const state = fakeState(snapshotOf(1, { images: [] }));
  const { client, log } = await startServer(context, { state, logsCalls: true });
  await menu(client, { traceparent: TRACEPARENT });
  state.current = null;
  await menu(client, {});
  await eventually(() => assert.equal(log.length, 2));
  assert.deepEqual(
    log.map(({ level, message, fields: { durationMs, ...fields } }) => ({
      level,
      message,
      ...fields,
      timed: Number(durationMs) >= 0,
    })),
    [
      {
        ...{ level: "debug", message: "call finished", method: "labimages.v1.ImageService/GetMenu", code: "OK" },
        ...{ caller: "127.0.0.1", traceId: TRACE, spanId: SPAN, timed: true },
      },
      {
        ...{
          level: "debug",
          message: "call finished",
          method: "labimages.v1.ImageService/GetMenu",
          code: "UNAVAILABLE",
        },
        ...{ caller: "127.0.0.1", timed: true },
      },
    ],
  );
});

test("without it no call is logged, and a failure that its caller does not see has the trace", async (context) => {
  const state = fakeState(snapshotOf(1, { images: [] }));
  state.overrides.markPrepulled = () => {
    throw new TypeError("broken");
  };
  const { client, log } = await startServer(context, { state });
  await menu(client, { traceparent: TRACEPARENT });
  const mark = { reference: `${REGISTRY}/${REPOSITORY}@${digestOf(1)}`, node: "n" };
  await new Promise((resolve) => client.markPrepulled(mark, metadataOf({ traceparent: TRACEPARENT }), resolve));
  assert.deepEqual(
    log.map(({ level, fields }) => [level, fields["traceId"]]),
    [["error", TRACE]],
  );
});

for (const traceparent of [
  `ff-${TRACE}-${SPAN}-01`,
  `00-${"0".repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${"0".repeat(16)}-01`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  "hello",
  `00-${TRACE}-${SPAN}`,
]) {
  test(`a trace context that is none is left out: ${traceparent}`, async (context) => {
    const { client, log } = await startServer(context, { logsCalls: true });
    await menu(client, { traceparent });
    await eventually(() => assert.equal(log.length, 1));
    assert.deepEqual(traces(log), [[undefined, undefined]]);
  });
}

test("a call that is refused, and one that changes something, have the caller and the trace", async (context) => {
  const world = callerWorld([{ kind: "account", name: accountName("puller"), permissions: ["prepull"] }]);
  world.accounts.set(tokenOf("puller"), accountName("puller"));
  const state = fakeState(snapshotOf(1, { images: [] }));
  const { client, log } = await startServer(context, { state, auth: world.authorizer, logsCalls: true });
  const own = { authorization: `Bearer ${tokenOf("puller")}`, traceparent: TRACEPARENT };
  await menu(client, own);
  const mark = { reference: `${REGISTRY}/${REPOSITORY}@${digestOf(1)}`, node: "n" };
  await new Promise((resolve) => client.markPrepulled(mark, metadataOf(own), resolve));
  await eventually(() => assert.equal(log.length, 3));
  assert.deepEqual(
    log.map(({ message, fields }) => [message, fields["code"], fields["caller"]]),
    [
      ["call finished", "PERMISSION_DENIED", "127.0.0.1"],
      ["call that changes something", undefined, accountName("puller")],
      ["call finished", "OK", accountName("puller")],
    ],
  );
  for (const trace of traces(log)) assert.deepEqual(trace, [TRACE, SPAN]);
});
