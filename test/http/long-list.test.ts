import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { spawnerImagesJson } from "../../src/domain/images/spawner-json.ts";
import { createHttpServer } from "../../src/http/server.ts";
import { createLogger } from "../../src/telemetry/logger.ts";
import { createSystemClock } from "../../src/telemetry/system-clock.ts";
import { eventually } from "../support/eventually.ts";
import { memorySink } from "../telemetry/memory-sink.ts";
import { type ReadState, readerOf, SETTINGS, snapshotOf } from "./snapshots.ts";

const PATH = "/spawner/v1/images";
/** More than are kept encoded. */
const TAGS = 20_500;

/** A server on a registry with so many tags that no answer of all of them is kept. */
async function startLong(t: TestContext) {
  const tags = Object.fromEntries(Array.from({ length: TAGS }, (_, index) => [`v${index}`, `sha256:${index}`]));
  const snapshot = snapshotOf({ tags, nodes: {} });
  const state: ReadState = { snapshot, sources: [], staleReason: null };
  const server = createHttpServer({
    onLimit: () => undefined,
    listen: { host: "127.0.0.1", port: 0 },
    allowAnonymousRead: false,
    pathPrefix: "",
    reader: readerOf(state),
    settings: SETTINGS,
    metrics: { contentType: "text/plain", render: () => Promise.resolve("") },
    logger: createLogger({ level: "debug", profile: "production", destination: memorySink() }),
    clock: createSystemClock(),
  });
  const { port } = await server.start();
  t.after(() => server.stop(0));
  return { port, snapshot, url: `http://127.0.0.1:${port}${PATH}` };
}

test("F6: a long list of images is the same JSON, encoded while it is sent", async (t) => {
  const { url, snapshot } = await startLong(t);
  const answer = await fetch(url);
  assert.equal(answer.headers.get("content-type"), "application/json");
  assert.equal(answer.headers.get("content-length"), null);
  assert.equal(await answer.text(), spawnerImagesJson(snapshot.images()));
  const etag = answer.headers.get("etag") ?? "";
  assert.notEqual(etag, "");
  const again = await fetch(url, { headers: { "if-none-match": etag } });
  assert.deepEqual([again.status, again.headers.get("etag"), await again.text()], [304, etag, ""]);
  const head = await fetch(url, { method: "HEAD" });
  assert.deepEqual([head.status, head.headers.get("etag"), await head.text()], [200, etag, ""]);
});

test("F6: a caller that stops reading such a list, or goes, holds nothing up", async (t) => {
  const { url, port } = await startLong(t);
  const stalled = connect({ host: "127.0.0.1", port });
  t.after(() => stalled.destroy());
  stalled.write(`GET ${PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await once(stalled, "readable");
  const gone = connect({ host: "127.0.0.1", port });
  gone.write(`GET ${PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await once(gone, "readable");
  gone.destroy();
  assert.equal((await fetch(url)).status, 200);
  let received = 0;
  stalled.on("data", (chunk: Buffer) => {
    received += chunk.length;
  });
  await eventually(() => assert.ok(received > TAGS * 100, `${received} bytes`));
});
