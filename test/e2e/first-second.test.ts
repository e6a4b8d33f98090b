import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { stringify } from "yaml";
import { eventually } from "../support/eventually.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/lab-images.js");
const PRELOAD = join(import.meta.dirname, "support/early-signals.js");
const CONFIG = {
  images: { source: { type: "docker", registry: "127.0.0.1:1", repository: "lab/sketchbook" } },
  grpc: { listen: "127.0.0.1:0" },
  http: { listen: "127.0.0.1:0" },
};
/** Hundredths of a second of processor time: how far the start has come, on any machine. */
const MOMENTS = [0, 15, 30, 45, 60];
const CAN_UNSHARE = spawnSync("unshare", ["--pid", "--fork", "true"]).status === 0;

let folder = "";
let config = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "lab-images-signals-"));
  config = join(folder, "config.yaml");
  await writeFile(config, stringify(CONFIG));
});
after(() => rm(folder, { recursive: true, force: true }));

interface Started {
  readonly child: ChildProcess;
  /** What the process wrote so far. */
  readonly written: { out: string; err: string };
  /** Status and signal, of which one is null. */
  readonly exited: Promise<readonly [status: unknown, signal: unknown]>;
}

function start(command: string, ...parameters: readonly string[]): Started {
  const child = spawn(command, parameters, { stdio: ["ignore", "pipe", "pipe"] });
  const written = { out: "", err: "" };
  child.stdout.on("data", (bytes) => {
    written.out += String(bytes);
  });
  child.stderr.on("data", (bytes) => {
    written.err += String(bytes);
  });
  const exited = once(child, "exit").then(([status, signal]: unknown[]) => [status, signal] as const);
  return { child, written, exited };
}

function isListening({ written }: Started): boolean {
  return written.out.includes('"msg":"listening"');
}

/** Fields of `/proc/PID/stat` after the name, which may hold blanks: utime and stime are the 12th and the 13th. */
async function processorTicks(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /s, "").split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

async function onlyChildOf(pid: number): Promise<number> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim();
  assert.match(children, /^\d+$/);
  return Number(children);
}

/** Signals the process once it takes the signal and its start has come so far, or is over; returns how it ended. */
async function signalAt(ticks: number, started: Started, pidOf: () => Promise<number>, isOver = isListening) {
  const { child, written, exited } = started;
  try {
    await eventually(() => assert.match(written.err, /SIGTERM is taken/), { everyMs: 1 });
    const pid = await pidOf();
    await eventually(async () => assert.ok(isOver(started) || (await processorTicks(pid)) >= ticks), { everyMs: 1 });
    process.kill(pid, "SIGTERM");
    return await exited;
  } finally {
    child.kill("SIGKILL");
  }
}

describe("F66: SIGTERM in the first second", { concurrency: 2 }, () => {
  for (const ticks of MOMENTS) {
    test(`after ${ticks * 10} ms of processor time: exit status 0`, async () => {
      const started = start(process.execPath, "--import", PRELOAD, PROGRAM, "serve", "--config", config);
      assert.deepEqual(await signalAt(ticks, started, async () => started.child.pid ?? 0), [0, null]);
      assert.equal(started.written.err, "SIGTERM is taken\n");
    });
  }

  test("as the first process of its container too", {
    skip: CAN_UNSHARE ? false : "a PID namespace needs more rights than this user has",
  }, async () => {
    for (const ticks of [0, 30]) {
      const program = [process.execPath, "--import", PRELOAD, PROGRAM, "serve", "--config", config];
      const started = start("unshare", "--pid", "--fork", "--kill-child", ...program);
      const pidOf = () => onlyChildOf(started.child.pid ?? 0);
      assert.deepEqual(await signalAt(ticks, started, pidOf), [0, null]);
    }
  });

  test("a command for people ends as interrupted, without a word", async () => {
    let connections = 0;
    const silentPeer = createServer(() => {
      connections += 1;
    }).listen(0, "127.0.0.1");
    await once(silentPeer, "listening");
    const address = silentPeer.address();
    assert.ok(address !== null && typeof address === "object");
    try {
      const peer = `127.0.0.1:${address.port}`;
      const started = start(process.execPath, "--import", PRELOAD, PROGRAM, "status", "--address", peer);
      const pidOf = async () => started.child.pid ?? 0;
      const ended = await signalAt(Number.POSITIVE_INFINITY, started, pidOf, () => connections > 0);
      assert.deepEqual(ended, [143, null]);
      assert.equal(started.written.err, "SIGTERM is taken\n");
    } finally {
      silentPeer.close();
    }
  });
});
