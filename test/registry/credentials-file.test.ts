import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { RegistryDeniedError } from "../../src/domain/errors.ts";
import { createCredentialsReader } from "../../src/registry/auth/credentials-file.ts";
import { recordLog } from "./log-recorder.ts";

function contents(username: string): string {
  return JSON.stringify({ auths: { "r.example": { username, password: "canary" } } });
}

describe("credentials file on disk", () => {
  let directory = "";
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "credentials-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it("is empty without a path", async () => {
    const reader = createCredentialsReader(undefined, recordLog());
    assert.deepEqual(await reader.read(), { entries: [], unusable: [], namesHelper: false, version: 0 });
  });

  it("is read again when it changes, and only then", async () => {
    const path = join(directory, "config.json");
    await writeFile(path, contents("one"));
    const reader = createCredentialsReader(path, recordLog());
    const first = await reader.read();
    assert.equal(await reader.read(), first);
    await writeFile(path, contents("three"));
    const second = await reader.read();
    assert.notEqual(second.version, first.version);
    assert.deepEqual(second.entries[0]?.credentials, { kind: "password", username: "three", password: "canary" });
  });

  it("follows the link that a mounted secret swaps", async () => {
    for (const version of ["1", "2"]) {
      await mkdir(join(directory, version));
      await writeFile(join(directory, version, "config.json"), contents(`user${version}`));
    }
    await symlink("1", join(directory, "current"));
    const reader = createCredentialsReader(join(directory, "current", "config.json"), recordLog());
    const first = await reader.read();
    await symlink("2", join(directory, "next"));
    await rename(join(directory, "next"), join(directory, "current"));
    assert.notEqual((await reader.read()).version, first.version);
  });

  it("fails while it was never readable, and keeps the last good contents afterwards, with one warning", async () => {
    const path = join(directory, "config.json");
    const log = recordLog();
    const reader = createCredentialsReader(path, log);
    await assert.rejects(
      reader.read(),
      (error) => error instanceof RegistryDeniedError && /ENOENT/.test(error.message),
    );
    await writeFile(path, contents("one"));
    const good = await reader.read();
    await writeFile(path, '{"canary": not json');
    assert.equal(await reader.read(), good);
    assert.equal(await reader.read(), good);
    await writeFile(path, "x".repeat(1_100_000));
    assert.equal(await reader.read(), good);
    assert.equal(log.lines.length, 2);
    assert.equal(log.lines.join().includes("canary"), false);
    assert.equal(log.lines.join().includes(directory), false);
    await writeFile(path, contents("two"));
    assert.notEqual((await reader.read()).version, good.version);
  });
});
