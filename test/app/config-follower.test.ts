import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { followConfig } from "../../src/app/config-follower.ts";
import { loadConfig } from "../../src/config/load.ts";
import { servedConfig } from "../../src/config/served-config.ts";
import type { Clock } from "../../src/ports.ts";
import { eventually } from "../support/eventually.ts";
import { logLines } from "../support/log-lines.ts";
import { manualClock } from "../support/manual-clock.ts";

const TEXT = "images: {source: {type: docker, registry: r.example.org, repository: a/b}}\n";
const OTHER = `${TEXT}nodeSelector: {pool: labs}\nlogLevel: debug\n`;
const WRONG = `${TEXT}nodeSelector: 7\n`;

/** A file that is followed, in a folder as Kubernetes mounts a ConfigMap: `config.yaml -> ..data -> ..1`. */
async function followedFile(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "lab-images-config-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  let version = 0;
  /** Replaces the content as the kubelet does, all at once. */
  async function swap(text: string): Promise<void> {
    version += 1;
    await mkdir(join(folder, `..${version}`));
    await writeFile(join(folder, `..${version}`, "config.yaml"), text);
    await symlink(`..${version}`, join(folder, "..data_tmp"));
    await rename(join(folder, "..data_tmp"), join(folder, "..data"));
  }
  await swap(TEXT);
  const file = join(folder, "config.yaml");
  await symlink("..data/config.yaml", file);

  const clock = manualClock();
  let reads = 0;
  const counting: Clock = {
    ...clock,
    schedule: (delayMs, callback) =>
      clock.schedule(delayMs, () => {
        reads += 1;
        callback();
      }),
  };
  const logger = logLines();
  const outcomes: string[] = [];
  const config = servedConfig(await loadConfig(file));
  const follower = followConfig({
    file,
    config,
    clock: counting,
    logger,
    observe: (outcome) => void outcomes.push(outcome),
  });
  t.after(() => follower.stop());
  /** Lets the follower read once, after as long as it waits. */
  async function read(): Promise<void> {
    const before = reads;
    while (reads === before) await clock.advance(1_000);
    await eventually(() => assert.equal(clock.pending, 1));
  }
  return { file, swap, read, outcomes, lines: logger.lines, follower, clock };
}

test("a ConfigMap that is swapped is noticed, checked, and named with its keys once it is the same twice", async (t) => {
  const { swap, read, outcomes, lines } = await followedFile(t);
  await read();
  await read();
  assert.deepEqual(lines, []);
  await swap(OTHER);
  await read();
  assert.deepEqual(outcomes, []);
  await read();
  await read();
  assert.deepEqual(outcomes, ["accepted"]);
  assert.deepEqual(
    lines.map(({ level, fields }) => [level, fields["keys"]]),
    [["warn", ["sets", "nodeSelector", "log"]]],
  );
});

test("a file that cannot be used is refused as a whole, once, with all of its problems", async (t) => {
  const { swap, read, outcomes, lines } = await followedFile(t);
  await swap(`${WRONG}extra: 1\n`);
  for (let round = 0; round < 4; round++) await read();
  assert.deepEqual(outcomes, ["refused"]);
  const [line] = lines;
  assert.equal(line?.level, "error");
  assert.match(String(line?.fields["problems"]), /nodeSelector: expected .*extra: /s);
  await swap(TEXT);
  for (let round = 0; round < 3; round++) await read();
  assert.equal(lines.length, 1);
});

test("a file that is written in place counts when it is whole", async (t) => {
  const { file, read, outcomes } = await followedFile(t);
  await writeFile(file, OTHER.slice(0, 40));
  await read();
  await writeFile(file, OTHER);
  await read();
  assert.deepEqual(outcomes, []);
  await read();
  assert.deepEqual(outcomes, ["accepted"]);
});

test("a file that is gone or empty for a moment is nothing; one that stays so is refused", async (t) => {
  const { file, swap, read, outcomes, lines } = await followedFile(t);
  await truncate(file);
  await read();
  await swap(TEXT);
  await read();
  await read();
  assert.deepEqual(outcomes, []);
  await rm(file);
  await read();
  await read();
  assert.deepEqual(outcomes, ["refused"]);
  assert.match(String(lines[0]?.fields["problems"]), /cannot be read \(ENOENT\)/);
});

test("another spelling of the same settings is no change", async (t) => {
  const { swap, read, outcomes } = await followedFile(t);
  await swap(`# the same\n${TEXT}logLevel: INFO\n`);
  await read();
  await read();
  assert.deepEqual(outcomes, []);
});

test("nothing is read after the end", async (t) => {
  const { follower, clock } = await followedFile(t);
  follower.stop();
  assert.equal(clock.pending, 0);
});
