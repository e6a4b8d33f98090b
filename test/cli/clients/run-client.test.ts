import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { parseArguments } from "../../../src/cli/arguments.ts";
import { runClient } from "../../../src/cli/clients/run-client.ts";
import { ShuttingDownError } from "../../../src/domain/errors.ts";
import { fakeState, snapshotOf as servedSnapshot } from "../../grpc/support/fake-state.ts";
import { weeklies } from "../../grpc/support/images.ts";
import { startServer } from "../../grpc/support/running-server.ts";
import { snapshotOf } from "../../http/snapshots.ts";
import { eventually } from "../../support/eventually.ts";

const WORLD = {
  tags: { w_2077_43: "sha256:1", recommended: "sha256:1", r1_0_0: "sha256:2" },
  nodes: { a: ["sha256:1"], B: [] },
};

function start(t: TestContext) {
  return startServer(t, { state: fakeState(snapshotOf(WORLD, 7, Date.UTC(2077, 9, 23))) });
}

/** Runs a command line against a server as a person at a terminal, or as a program, would. */
async function run(
  address: string,
  line: string,
  { isTTY = false, signal = new AbortController().signal, onLine = (_line: string): unknown => undefined } = {},
) {
  const command = parseArguments([...line.split(" "), "--address", address]);
  assert.ok("address" in command);
  let out = "";
  let err = "";
  const exitStatus = await runClient(command, {
    stdout: {
      isTTY,
      write(text) {
        out += text;
        onLine(text);
      },
    },
    stderr: { write: (text) => (err += text) },
    signal,
  });
  return { exitStatus, out, err };
}

async function json(address: string, line: string): Promise<object> {
  const { exitStatus, out, err } = await run(address, line);
  assert.deepEqual({ exitStatus, err }, { exitStatus: 0, err: "" });
  const value: unknown = JSON.parse(out);
  assert.ok(typeof value === "object" && value !== null);
  return value;
}

const TABLES: readonly (readonly [string, RegExp])[] = [
  ["images", /^TAG +NAME +PREPULLED .*\nrecommended +Recommended \(Weekly 2077_43\) +yes +sha256:1 +w_2077_43\n/],
  [
    "menu",
    /^PART +NAME +REFERENCE\nmenu +Recommended \(Weekly 2077_43\) +r\.example\.org\/a\/b:recommended@sha256:1\n/,
  ],
  ["missing", /^NODE +TAG +REFERENCE\na +r1_0_0 +r\.example\.org\/a\/b:r1_0_0@sha256:2\n$/],
  ["missing gone", /^Nothing is missing\.\n$/],
  [
    "status",
    /^Snapshot 7, refreshed 2077-10-23T00:00:00\.000Z\.\n\nSOURCE .*registry +ok.*IMAGE .*r1_0_0 +Release r1\.0\.0 +0 +a\n.*NODE .*B +no +0 +all +Node is tainted/s,
  ],
  [
    "resolve w_2077_43",
    /^name +Weekly 2077_43\nreference +r\.example\.org\/a\/b:w_2077_43@sha256:1\nprepulled +yes\naliases +recommended\non nodes +a\n$/,
  ],
  ["resolve --class recommended", /alias of +w_2077_43\n/],
  ["resolve r.example.org/a/b:r1_0_0", /prepulled +no\n/],
  ["refresh", /^Refreshed\. Snapshot 7, refreshed 2077/],
];

for (const [line, expected] of TABLES) {
  test(`${line} is a table on a terminal`, async (t) => {
    const { address } = await start(t);
    const { exitStatus, out } = await run(address, line, { isTTY: true });
    assert.equal(exitStatus, 0);
    assert.match(out, expected);
  });
}

test("everything is JSON elsewhere, with the state that it was answered from", async (t) => {
  const { address } = await start(t);
  const state = {
    epoch: "epoch-1",
    generation: 7,
    refreshTime: "2077-10-23T00:00:00.000Z",
    stale: false,
    staleReason: "",
  };
  for (const line of ["images", "menu", "missing", "status", "resolve w_2077_43", "refresh"]) {
    assert.deepEqual(Reflect.get(await json(address, line), "state"), state, line);
  }
  const images = await json(address, "images");
  assert.equal(Reflect.get(Reflect.get(images, "latestWeekly"), "displayName"), "Weekly 2077_43");
  assert.equal(Reflect.get(images, "images").length, 3);
  const status = await json(address, "status");
  assert.equal(Reflect.get(Reflect.get(Reflect.get(status, "status"), "config"), "refreshInterval"), "300s");
});

test("F63: status has the images and the nodes of all pages", async (t) => {
  const missing = Array.from({ length: 1_000 }, (_, index) => `${"n".repeat(100)}-${index}`);
  const images = weeklies(70).map((image) => ({ image, nodes: [], missing }));
  const prepullImages = { prepulled: images.slice(0, 10), pending: images.slice(10) };
  const nodes = Array.from({ length: 1_500 }, (_, index) => ({
    ...{ name: `node-${index}`, eligible: true, comment: null, cached: [], imagesTruncated: false },
  }));
  const content = { images: [], prepullImages, nodes };
  const { address } = await startServer(t, { state: fakeState(servedSnapshot(1, content)) });
  const status: unknown = Reflect.get(await json(address, "status"), "status");
  assert.ok(typeof status === "object" && status !== null);
  const sizes = ["prepulled", "pending", "nodes"].map((list) => Reflect.get(status, list).length);
  assert.deepEqual(sizes, [10, 60, 1_500]);
  const { out } = await run(address, "status", { isTTY: true });
  assert.equal(out.match(/^w_20/gm)?.length, 70);
});

test("--json is JSON on a terminal too", async (t) => {
  const { address } = await start(t);
  assert.match((await run(address, "menu --json", { isTTY: true })).out, /^\{"menu":/);
});

test("a failure is reported in one line with the code, and exit status 1", async (t) => {
  const { address, state } = await start(t);
  const unknown = await run(address, "resolve nothing_of_that_name");
  assert.equal(unknown.exitStatus, 1);
  assert.match(unknown.err, /^lab-images: NOT_FOUND from 127\.0\.0\.1:\d+: .+\n$/);
  state.current = null;
  assert.match((await run(address, "menu")).err, /^lab-images: UNAVAILABLE from /);
});

test("a service that is not there is reported so", async () => {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, "close");
  const { exitStatus, err } = await run(`127.0.0.1:${port}`, "status");
  assert.equal(exitStatus, 1);
  assert.match(err, /^lab-images: UNAVAILABLE from /);
});

test("watch reports each refresh until it is interrupted", async (t) => {
  const { address, state } = await start(t);
  const interrupt = new AbortController();
  const lines: string[] = [];
  const onLine = (line: string) => lines.push(line);
  const running = run(address, "watch --gate mine", { isTTY: true, signal: interrupt.signal, onLine });
  const attached = await eventually(() => state.attached[0] ?? assert.fail("nobody has attached"));
  assert.equal(attached.request.gate, "mine");
  attached.caller.deliver({ cause: "NODES_CHANGED", coalesced: 0 });
  await eventually(() => assert.equal(attached.ready, 1));
  attached.caller.deliver({ cause: "SCHEDULED", coalesced: 2 });
  await eventually(() => assert.deepEqual([attached.ready, lines.length], [2, 2]));
  interrupt.abort();
  const { exitStatus, out } = await running;
  assert.equal(exitStatus, 0);
  assert.match(out, /^Refreshed \(nodes changed\)\. Snapshot 7.*\nRefreshed \(scheduled, and 2 more before it\)\. /);
});

test("watch reports why it was ended", async (t) => {
  const { address, state } = await start(t);
  state.staleReason = "registry: it is down";
  const running = run(address, "watch", { isTTY: true });
  const attached = await eventually(() => state.attached[0] ?? assert.fail("nobody has attached"));
  attached.caller.deliver({ cause: "STARTUP", coalesced: 0 });
  attached.caller.end(new ShuttingDownError());
  const { exitStatus, out, err } = await running;
  assert.equal(exitStatus, 1);
  assert.match(out, /, stale: registry: it is down\.\n$/);
  assert.match(err, /^lab-images: UNAVAILABLE from .*shutting down/);
});

test("an interrupt cancels a question", async (t) => {
  const { address, state } = await start(t);
  const asked = Promise.withResolvers<void>();
  state.overrides = {
    refresh: (_cause, signal) => {
      asked.resolve();
      return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new ShuttingDownError())));
    },
  };
  const interrupt = new AbortController();
  const running = run(address, "refresh", { signal: interrupt.signal });
  await asked.promise;
  interrupt.abort();
  const quiet = { exitStatus: 1, out: "", err: "" };
  assert.deepEqual(await running, quiet);
  assert.deepEqual(await run(address, "menu", { signal: AbortSignal.abort() }), quiet);
  assert.equal((await run(address, "watch", { signal: AbortSignal.abort() })).exitStatus, 0);
});
