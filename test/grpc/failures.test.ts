import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { ask, failure, receive } from "./support/calls.ts";
import { fakeState, snapshotOf } from "./support/fake-state.ts";
import { imageOf } from "./support/images.ts";
import { type RunningServer, startServer } from "./support/running-server.ts";

const SECRET = "hunter2";

/** What libraries throw: texts with secrets, numeric codes, half a surrogate pair, things that are no errors. */
const THROWN: readonly (readonly [string, unknown])[] = [
  ["an error", new Error(`cannot log in with ${SECRET}`)],
  ["a library's error with a numeric code", Object.assign(new Error(SECRET), { code: 403, body: SECRET })],
  ["a status object", { code: 7, details: SECRET, metadata: null }],
  ["a text with half a surrogate pair", new Error(`${SECRET} \ud800`)],
  ["an error whose properties throw", new Proxy({}, { get: () => assert.fail("looked into") })],
  ["a text", SECRET],
  ["nothing", undefined],
];

function start(context: Parameters<typeof startServer>[0]): Promise<RunningServer> {
  return startServer(context, { state: fakeState(snapshotOf(1, { images: [imageOf("old", { digest: null })] })) });
}

async function stillServes({ client }: RunningServer): Promise<void> {
  assert.equal((await ask(client, client.GetMenu, {})).state?.generation, 1);
}

function isOpaque(told: Awaited<ReturnType<typeof failure>>, { log }: RunningServer): void {
  assert.equal(told.code, "INTERNAL");
  assert.equal(told.text, "internal error; the log has its cause under id-1");
  assert.deepEqual(told.metadata, { id: "id-1" });
  assert.doesNotMatch(JSON.stringify(told), new RegExp(SECRET));
  assert.equal(log.at(-1)?.fields["id"], "id-1");
}

for (const [what, thrown] of THROWN) {
  describe(`${what} that a handler meets (G3)`, () => {
    test("thrown at once: the caller learns an id, the log the cause", async (context) => {
      const running = await start(context);
      running.state.overrides.markPrepulled = () => {
        throw thrown;
      };
      const request = { reference: `registry.example.org/sciplat/lab@sha256:${"0".repeat(64)}`, node: "n" };
      isOpaque(await failure(ask(running.client, running.client.MarkPrepulled, request)), running);
      await stillServes(running);
    });

    test("as a rejection", async (context) => {
      const running = await start(context);
      running.state.overrides.resolveAtRegistry = () =>
        new Promise((_resolve, reject) => {
          reject(thrown as Error);
        });
      isOpaque(await failure(ask(running.client, running.client.ResolveImage, { tag: "old" })), running);
      await stillServes(running);
    });

    test("in a stream", async (context) => {
      const running = await start(context);
      running.state.overrides.waitForRefresh = () => {
        throw thrown;
      };
      isOpaque(await receive(running.client.WaitForRefresh({})).ended, running);
      await stillServes(running);
      await eventually(() => assert.equal(running.openStreams(), 0));
    });
  });
}

test("a text of the caller's comes back clean", async (context) => {
  const running = await start(context);
  const told = await failure(ask(running.client, running.client.ResolveImage, { tag: "\ud800" }));
  assert.equal(told.code, "NOT_FOUND");
  await stillServes(running);
});
