import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { stringify } from "yaml";
import { eventually } from "../support/eventually.ts";
import { type Peers, startPeers } from "./support/peers.ts";
import { type Service, startReadyService } from "./support/service.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/lab-images.js");
/** Status of what writes to a reader that has gone. */
const READER_GONE = 141;

interface Outcome {
  readonly status: unknown;
  readonly complaints: string;
}

/** Runs the program with nobody who reads its standard output, as behind `| head` when that has enough. */
async function withoutReader(parameters: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const env = { ...process.env, ...environment };
  const child = spawn(process.execPath, [PROGRAM, ...parameters], { stdio: ["ignore", "pipe", "pipe"], env });
  child.stdout.destroy();
  const [complaints, [status]] = await Promise.all([text(child.stderr), once(child, "exit")]);
  return { status, complaints };
}

/** Runs the program with its standard output on a disk that is full. */
async function onFullDisk(parameters: readonly string[]): Promise<Outcome> {
  await using full = await open("/dev/full", "w");
  const child = spawn(process.execPath, [PROGRAM, ...parameters], { stdio: ["ignore", full.fd, "pipe"] });
  assert.ok(child.stderr !== null);
  const [complaints, [status]] = await Promise.all([text(child.stderr), once(child, "exit")]);
  return { status, complaints };
}

describe("F64: standard output that cannot be written", { concurrency: 2 }, () => {
  const stack = new AsyncDisposableStack();
  let peers: Peers;
  let service: Service;
  let config = "";
  before(async () => {
    const folder = stack.adopt(await mkdtemp(join(tmpdir(), "lab-images-output-")), (it) =>
      rm(it, { recursive: true }),
    );
    peers = stack.use(await startPeers());
    peers.push("w_2077_43");
    peers.push("recommended", "w_2077_43");
    peers.setNode("alder");
    service = stack.use(await startReadyService(peers.config()));
    config = join(folder, "config.yaml");
    const listen = { grpc: { listen: "127.0.0.1:0" }, http: { listen: "127.0.0.1:0" } };
    await writeFile(config, stringify({ ...peers.config(), ...listen }));
  });
  after(() => stack.disposeAsync());

  const commands: readonly (readonly [line: string, parameters: () => readonly string[]])[] = [
    ["--help", () => []],
    ["--version", () => []],
    ["check-config", () => [config]],
    ...["status", "images", "menu", "missing", "resolve recommended", "refresh"].map(
      (line) => [line, () => ["--address", service.grpc]] as const,
    ),
  ];

  let gates = 0;
  const watch = (): readonly string[] => ["--address", service.grpc, "--gate", `gate-${++gates}`];
  // A new gate has been opened by the last refresh already.
  for (const [line, parameters] of [...commands, ["watch", watch] as const]) {
    test(`${line}: a reader that has gone ends it without a word, a full disk with one line`, async () => {
      const command = () => [...line.split(" "), ...parameters()];
      assert.deepEqual(await withoutReader(command()), { status: READER_GONE, complaints: "" });
      const complaints = "lab-images: standard output cannot be written (ENOSPC)\n";
      assert.deepEqual(await onFullDisk(command()), { status: 1, complaints });
    });
  }

  test("standard error that nobody reads does not change how a command ends", async () => {
    const child = spawn(process.execPath, [PROGRAM, "frobnicate"], { stdio: ["ignore", "ignore", "pipe"] });
    child.stderr.destroy();
    assert.deepEqual(await once(child, "exit"), [2, null]);
  });

  test("the demo ends in order, and leaves no file behind", async () => {
    const temporary = await mkdtemp(join(tmpdir(), "lab-images-output-"));
    const listen = ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    const outcome = await withoutReader(["demo", ...listen], { TMPDIR: temporary });
    assert.deepEqual(outcome, { status: READER_GONE, complaints: "" });
    assert.deepEqual(await readdir(temporary), []);
    await rm(temporary, { recursive: true });
  });

  test("the service goes on without its log, and ends in order", async () => {
    await using full = await open("/dev/full", "w");
    const before = peers.registry.requests.length;
    for (const stdout of ["pipe", full.fd] as const) {
      const seen = peers.registry.requests.length;
      const child = spawn(process.execPath, [PROGRAM, "serve", "--config", config], {
        stdio: ["ignore", stdout, "pipe"],
      });
      // A child that outlives a failed assertion would keep this file from ending.
      using _ended = { [Symbol.dispose]: () => child.kill("SIGKILL") };
      child.stdout?.destroy();
      assert.ok(child.stderr !== null);
      const complaints = text(child.stderr);
      const exited = once(child, "exit");
      await eventually(() => assert.ok(peers.registry.requests.length > seen + 1), { withinMs: 60_000 });
      child.kill("SIGTERM");
      assert.deepEqual(await exited, [0, null]);
      assert.equal(await complaints, "");
    }
    assert.ok(peers.registry.requests.length > before);
  });
});
