import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { createFdSink } from "../../src/telemetry/log-sink.ts";
import { eventually } from "../support/eventually.ts";

const CHATTY = join(import.meta.dirname, "chatty-process.ts");

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "lab-images-log-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Both ends of a named pipe, which holds 64 KiB. */
async function openPipe(t: TestContext) {
  const path = join(temporaryFolder(t), "pipe");
  await promisify(execFile)("mkfifo", [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  t.after(() => closeSync(writer));
  return { reader, writer };
}

function readAvailable(fd: number): string {
  const buffer = Buffer.alloc(1_048_576);
  try {
    return buffer.toString("utf8", 0, readSync(fd, buffer));
  } catch {
    return "";
  }
}

test("lines go to a file in their order", async (t) => {
  const path = join(temporaryFolder(t), "log");
  const fd = openSync(path, "w");
  const sink = createFdSink({ fd });
  sink.write("one\n");
  sink.write("two é\n");
  await sink.flush();
  sink.close();
  closeSync(fd);
  assert.equal(readFileSync(path, "utf8"), "one\ntwo é\n");
  assert.equal(sink.dropped(), 0);
});

test("a reader that stalls costs lines, which are counted, and gets the others when it goes on", async (t) => {
  const { reader, writer } = await openPipe(t);
  t.after(() => closeSync(reader));
  const sink = createFdSink({ fd: writer, capacity: 100_000, retryInterval: 5 });
  t.after(() => sink.close());
  const line = `${"x".repeat(999)}\n`;
  for (let count = 0; count < 50; count += 1) sink.write(line);
  await sink.flush();
  for (let count = 0; count < 1_000; count += 1) sink.write(line);
  await sink.flush(20);
  assert.equal(sink.dropped(), 900);
  let read = "";
  await eventually(() => {
    read += readAvailable(reader);
    assert.equal(read.length, 150_000);
  });
  assert.ok(read.split("\n").every((each) => each === "" || each.length === 999));
  sink.write("more\n");
  await eventually(() => assert.equal(readAvailable(reader), "more\n"));
});

test("a reader that goes away costs what comes later, and nothing else", async (t) => {
  const { reader, writer } = await openPipe(t);
  const sink = createFdSink({ fd: writer });
  closeSync(reader);
  sink.write("nobody reads this\n");
  await sink.flush();
  assert.equal(sink.dropped(), 1);
  sink.close();
  sink.close();
  sink.write("nor this\n");
  assert.equal(sink.dropped(), 2);
});

async function outcome(child: ChildProcess): Promise<{ readonly code: unknown; readonly dropped: number }> {
  let told = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    told += text;
  });
  const [code] = await once(child, "close", { signal: AbortSignal.timeout(20_000) });
  return { code, dropped: Number(told) };
}

test("a process whose standard output is a stalled socket goes on and exits by itself (faults.md P4)", async (t) => {
  const child = spawn(process.execPath, [CHATTY], { stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => child.kill());
  child.stdout.pause();
  const exited = once(child, "exit", { signal: AbortSignal.timeout(20_000) });
  const done = outcome(child);
  await exited;
  child.stdout.destroy();
  const { code, dropped } = await done;
  assert.equal(code, 0);
  assert.ok(dropped > 1_000, `${dropped} dropped`);
});

test("a process whose standard output is a stalled pipe goes on and exits by itself (faults.md P4)", async (t) => {
  const { reader, writer } = await openPipe(t);
  t.after(() => closeSync(reader));
  const child = spawn(process.execPath, [CHATTY], { stdio: ["ignore", writer, "pipe"] });
  t.after(() => child.kill());
  const { code, dropped } = await outcome(child);
  assert.equal(code, 0);
  assert.ok(dropped > 1_000, `${dropped} dropped`);
});

test("a process whose reader reads loses nothing, not even what it says last", async (t) => {
  const path = join(temporaryFolder(t), "log");
  const fd = openSync(path, "w");
  const child = spawn(process.execPath, [CHATTY], { stdio: ["ignore", fd, "pipe"] });
  const { code, dropped } = await outcome(child);
  closeSync(fd);
  assert.deepEqual({ code, dropped }, { code: 0, dropped: 0 });
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  assert.equal(lines.length, 20_001);
  assert.match(lines.at(-1) ?? "", /the last line/);
});
