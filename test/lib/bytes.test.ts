import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { ownBytes, ownText, readRegularFile, UnusableFileError } from "../../src/lib/bytes.ts";
import { collectGarbage } from "../support/collect-garbage.ts";

describe("F62: what is kept is of its own size", () => {
  test("bytes that were cut out of a pool or of a message", () => {
    const message = Buffer.from("a message");
    const own = ownBytes(message.subarray(2, 4), Buffer.alloc(0), new Uint8Array([33]));
    assert.equal(own.toString(), "me!");
    assert.equal(own.buffer.byteLength, 3);
    message.fill(0);
    assert.equal(own.toString(), "me!");
    assert.equal(ownBytes().length, 0);
  });

  test("texts that were cut out of a page", () => {
    const page = () => Buffer.alloc(1_000_000, "digest of an image, ").toString();
    const kept: string[] = [];
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    for (let number = 0; number < 20; number++) kept.push(ownText(page().slice(100, 200)));
    collectGarbage();
    const grown = process.memoryUsage().heapUsed - before;
    assert.ok(grown < 2_000_000, `${grown} bytes for ${kept.length} texts`);
    for (const text of ["", "é€😀", "\ud800", '"\\']) assert.equal(ownText(text), text);
  });
});

describe("F65: regular files alone are read", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "lab-images-bytes-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test("a file, through links too, up to the size", async () => {
    const file = join(folder, "file");
    const link = join(folder, "link");
    await writeFile(file, "abc");
    await symlink("file", link);
    assert.equal((await readRegularFile(file, 3)).toString(), "abc");
    assert.equal((await readRegularFile(link, 1_000)).toString(), "abc");
    await assert.rejects(
      readRegularFile(file, 2),
      new UnusableFileError("EFBIG", "expected at most 2 bytes, found more"),
    );
    await writeFile(file, "");
    assert.equal((await readRegularFile(file, 2)).length, 0);
  });

  test("a file of the kernel, which has no size", async () => {
    assert.match((await readRegularFile("/proc/self/status", 65_536)).toString(), /^Name:/);
  });

  test("everything else is named", async () => {
    const fifo = join(folder, "fifo");
    await promisify(execFile)("mkfifo", [fifo]);
    for (const [path, code, found] of [
      [folder, "EISDIR", "a directory"],
      [fifo, "ENOTREG", "a FIFO"],
      ["/dev/zero", "ENOTREG", "a device"],
      ["/dev/null", "ENOTREG", "a device"],
    ] as const) {
      await assert.rejects(
        readRegularFile(path, 1_000),
        new UnusableFileError(code, `expected a regular file, found ${found}`),
      );
    }
    await assert.rejects(readRegularFile(join(folder, "none"), 1), { code: "ENOENT" });
  });
});
