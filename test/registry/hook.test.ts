import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { createHook } from "../../src/app/registry-hook.ts";
import { RegistryUnavailableError } from "../../src/domain/errors.ts";
import { manualClock } from "../support/manual-clock.ts";
import { recordLog } from "./log-recorder.ts";

/** The hook with its secret file, behind a server, and the refreshes that it asks for: those fail. */
async function startHook(context: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), "hook-"));
  context.after(() => rm(directory, { recursive: true }));
  const secretFile = join(directory, "secret");
  const log = recordLog();
  const clock = manualClock();
  const signals: AbortSignal[] = [];
  const causes: string[] = [];
  const announced: number[] = [];
  let onAnnounced = (): void => undefined;
  const hook = createHook({
    onLimit: () => undefined,
    replicas: {
      announce: () => announced.push(clock.monotonicTime()),
      onAnnounced(listener) {
        onAnnounced = listener;
      },
    },
    secretFile,
    repositories: new Set(["lab/sketchbook"]),
    commands: {
      async refresh(cause, signal) {
        causes.push(cause);
        signals.push(signal);
        throw new RegistryUnavailableError("the registry is down");
      },
    },
    clock,
    logger: log,
  });
  const server = createServer((request, response) => {
    Promise.resolve(hook.handler(request, response)).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/registry`;
  const post = async (secret: string) => {
    const headers = { "x-labimages-secret": secret };
    const answer = await fetch(url, { method: "POST", headers, body: "a hint" });
    await answer.arrayBuffer();
    return answer.status;
  };
  return { hook, secretFile, log, clock, signals, causes, post, announced, announce: () => onAnnounced() };
}

describe("the registry hook of the service", () => {
  it("F71: starts one refresh at once and one more at the end of the interval, also where they fail", async (context) => {
    const { secretFile, clock, causes, post } = await startHook(context);
    await writeFile(secretFile, "canary-secret\n");
    assert.equal(await post("canary-secret"), 202);
    assert.deepEqual(causes, ["REGISTRY_NOTIFIED"]);
    await clock.advance(1_999);
    assert.equal(causes.length, 1);
    await clock.advance(1);
    assert.deepEqual(causes, ["REGISTRY_NOTIFIED", "REGISTRY_NOTIFIED"]);
    await clock.advance(60_000);
    assert.equal(causes.length, 2);
  });

  it("F72: passes each notification on to the other replicas, and refreshes for theirs", async (context) => {
    const { secretFile, clock, causes, post, announced, announce } = await startHook(context);
    await writeFile(secretFile, "canary-secret");
    for (let sent = 0; sent < 3; sent += 1) assert.equal(await post("canary-secret"), 202);
    assert.deepEqual(announced, [0]);
    await clock.advance(1_000);
    assert.equal(announced.length, 2, "those that came within the interval are one");
    await clock.advance(60_000);
    const before = causes.length;
    announce();
    assert.equal(causes.length, before + 1);
    assert.equal(announced.length, 2, "what another replica announced is not announced again");
  });

  it("refuses all while there is no secret, says so once, and follows the file", async (context) => {
    const { secretFile, log, causes, post } = await startHook(context);
    for (const secret of ["", "canary-secret"]) assert.equal(await post(secret), 401);
    assert.equal(log.lines.length, 1);
    assert.match(log.lines[0] ?? "", /http\.hookSecretFile.*notifications are refused|"reason":"ENOENT"/);
    await writeFile(secretFile, " \n");
    for (const secret of ["", " "]) assert.equal(await post(secret), 401);
    assert.equal(log.lines.length, 2);
    await writeFile(secretFile, "canary-secret");
    assert.equal(await post("canary-secret"), 202);
    await rm(secretFile);
    assert.equal(await post("canary-secret"), 401);
    assert.equal(log.lines.length, 3);
    assert.equal(causes.length, 1);
    assert.doesNotMatch(log.lines.join(), /canary/);
  });

  it("F65: a secret that is no regular file, or has no end, is refused as none", async (context) => {
    const { secretFile, log, post } = await startHook(context);
    await symlink("/dev/zero", secretFile);
    assert.equal(await post("canary-secret"), 401);
    assert.match(log.lines[0] ?? "", /expected a regular file, found a device/);
  });

  it("takes back what waits, and aborts what it has started, when the service stops", async (context) => {
    const { hook, secretFile, clock, signals, causes, post } = await startHook(context);
    await writeFile(secretFile, "canary-secret");
    for (let sent = 0; sent < 2; sent += 1) await post("canary-secret");
    hook.stop();
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true],
    );
    await clock.advance(60_000);
    assert.equal(causes.length, 1);
    assert.equal(clock.pending, 0);
  });
});
