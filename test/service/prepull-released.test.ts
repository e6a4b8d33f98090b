import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createActor, createMachine } from "xstate";
import { type PullOrder, type PullOutcome, PullReleasedError } from "../../src/domain/prepull/pull.ts";
import type { Logger } from "../../src/ports.ts";
import { prepullEffects } from "../../src/service/prepull-effects.ts";

const ORDER: PullOrder = {
  node: "n",
  nodeUid: "u",
  digest: "sha256:d",
  reference: "r/l:w@sha256:d",
  timeout: 60_000,
  podDeadline: 60_000,
};

/** What the effect `pull` tells and logs where the puller answers this. */
async function toldBy(pull: () => Promise<PullOutcome>) {
  const told: string[] = [];
  const logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (_, message) => void told.push(message),
    child: () => logger,
  };
  const prepuller = {
    puller: {
      pull,
      tryPod: () => Promise.resolve(null),
      recover: () => Promise.resolve({ ended: [], inProgress: [] }),
    },
    leadership: { follow: () => undefined, mayWrite: () => false },
    maxConcurrentPulls: 1,
  };
  const effects = prepullEffects({ prepuller, logger, stopping: new AbortController().signal });
  const machine = createMachine({
    invoke: { id: "pull", src: effects.pull, input: ORDER },
    on: { "*": { actions: ({ event }) => void told.push(event.type) } },
  });
  const actor = createActor(machine).start();
  await turn();
  actor.stop();
  return told;
}

test("a pull that may no longer write has neither failed nor broken: the loss of the lease ends it (K9)", async () => {
  assert.deepEqual(await toldBy(() => Promise.reject(new PullReleasedError())), []);
});

test("a pull that has failed or crashed is reported", async () => {
  const failure = { kind: "failed", failureClass: "other", reason: "ErrImagePull", message: "" } as const;
  assert.deepEqual(await toldBy(() => Promise.resolve(failure)), ["pull.failed"]);
  const broken = await toldBy(() => Promise.reject(new Error("a defect of the test's making")));
  assert.deepEqual(broken, ["pull threw (bug)", "pull.failed"]);
});
