import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KubernetesUnavailableError, LabImagesError } from "../../../src/domain/errors.ts";
import { eventually } from "../../support/eventually.ts";
import { ask, failure } from "../support/calls.ts";
import { fakeState, snapshotOf } from "../support/fake-state.ts";
import { startServer } from "../support/running-server.ts";

describe("Refresh", () => {
  test("answers with the state after the refresh, before the first snapshot too", async (context) => {
    const state = fakeState();
    state.overrides.refresh = (cause) => {
      assert.equal(cause, "REQUESTED");
      state.current = snapshotOf(1, { images: [] });
      return Promise.resolve();
    };
    const { client } = await startServer(context, { state });
    assert.equal((await ask(client, client.Refresh, {})).state?.generation, 1);
  });

  test("fails with the error of the refresh", async (context) => {
    const state = fakeState();
    state.overrides.refresh = () => Promise.reject(new KubernetesUnavailableError("the cluster does not answer"));
    const { client } = await startServer(context, { state });
    const told = await failure(ask(client, client.Refresh, {}));
    assert.deepEqual([told.code, told.reason], ["UNAVAILABLE", "KUBERNETES_UNAVAILABLE"]);
    assert.equal(told.text, "the cluster does not answer");
  });

  test("still has a state where no snapshot came of it", async (context) => {
    const { client } = await startServer(context);
    const { state } = await ask(client, client.Refresh, {});
    assert.deepEqual([state?.epoch, state?.generation, state?.refreshTime, state?.stale], ["epoch-1", 0, null, false]);
  });

  for (const [how, options, reason] of [
    ["cancels", {}, "CANCELLED"],
    ["has a deadline that passes", { deadline: 50 }, "DEADLINE_EXCEEDED"],
  ] as const) {
    test(`stops waiting when the caller ${how} (G2)`, async (context) => {
      const state = fakeState();
      const signals: AbortSignal[] = [];
      state.overrides.refresh = (_cause, signal) => {
        signals.push(signal);
        return new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error));
        });
      };
      const { client, calls } = await startServer(context, { state });
      const deadline = "deadline" in options ? Date.now() + options.deadline : Number.POSITIVE_INFINITY;
      const failed = new Promise<{ code: number }>((resolve) => {
        const call = client.Refresh({}, { deadline }, (error) => resolve(error ?? { code: 0 }));
        if (how === "cancels") eventually(() => assert.equal(signals.length, 1)).then(() => call.cancel(), assert.fail);
      });
      assert.notEqual((await failed).code, 0);
      await eventually(() => assert.equal(signals[0]?.aborted, true));
      const aborted: unknown = signals[0]?.reason;
      assert.ok(aborted instanceof LabImagesError);
      assert.equal(aborted.reason, reason);
      assert.deepEqual(
        calls.map(({ code }) => code),
        [reason],
      );
    });
  }

  test("without waiting it returns at once, and the refresh goes on", async (context) => {
    const state = fakeState(snapshotOf(1, { images: [] }));
    const { promise, reject } = Promise.withResolvers<void>();
    let demanded = 0;
    state.overrides.refresh = () => {
      demanded += 1;
      return promise;
    };
    const { client, log } = await startServer(context, { state });
    const { state: version } = await ask(client, client.Refresh, { noWait: true });
    assert.deepEqual([version?.generation, demanded], [1, 1]);
    reject(new Error("the registry is down"));
    await ask(client, client.GetMenu, {});
    assert.deepEqual(log, []);
  });
});
