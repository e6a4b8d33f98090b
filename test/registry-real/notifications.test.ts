/** A push shows in the answers in time: docker-registry notifies the whole service, as a process, by the real clock. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { type ServiceOnSource, scratchDirectory, startServiceOn } from "../registry/service-on-source.ts";
import { type DockerRegistry, startDockerRegistry } from "../support/docker-registry.ts";
import { eventually } from "../support/eventually.ts";
import { startNotificationRelay } from "../support/notification-relay.ts";

/** The promise, milliseconds: a push shows within this time if it is the first, within that if several come. */
const FIRST_PUSH = 2_000;
const ANY_PUSH = 7_000;
/** At most one refresh in this time, milliseconds. */
const INTERVAL = 5_000;

const SECRET = "canary-hook-secret";

/** A registry with one image, whose notifications carry `authorization`, and the service, which has seen that image. */
async function startWorld(context: TestContext, authorization: string) {
  const relay = await startNotificationRelay();
  context.after(() => relay[Symbol.asyncDispose]());
  const registry = await startDockerRegistry({ notifications: { url: relay.url, authorization } });
  context.after(() => registry.close());
  await registry.push("w_2077_40");
  const secretFile = join(await scratchDirectory(context), "secret");
  await writeFile(secretFile, `${SECRET}\n`);
  const source = { type: "docker", registry: registry.host, repository: registry.repository };
  const service = await startServiceOn(context, { source, http: { hookSecretFile: secretFile } });
  await service.serving();
  // The image that was there from the beginning must not be what the service is first notified of.
  await eventually(() => assert.ok(relay.relayed.some(({ body }) => body.includes("w_2077_40"))));
  relay.target = service.http;
  return { relay, registry, service, secretFile };
}

/** How many refreshes notifications have started so far. */
function notifiedRefreshes({ log }: ServiceOnSource): number {
  return log.filter(({ msg, cause }) => msg === "refreshed" && cause === "REGISTRY_NOTIFIED").length;
}

/** Pushes the tags one after the other. Answers how long each took to show, milliseconds from before its push. */
async function timesToShow(
  registry: DockerRegistry,
  service: ServiceOnSource,
  tags: readonly string[],
): Promise<readonly number[]> {
  const pushedAt = new Map<string, number>();
  const times = new Map<string, number>();
  async function look(): Promise<void> {
    for (const tag of await service.tags()) {
      const since = pushedAt.get(tag);
      if (since !== undefined && !times.has(tag)) times.set(tag, performance.now() - since);
    }
    assert.equal(times.size, tags.length, "not all that was pushed shows");
  }
  const shown = eventually(look, { withinMs: 2 * ANY_PUSH });
  for (const tag of tags) {
    pushedAt.set(tag, performance.now());
    await registry.push(tag);
  }
  await shown;
  return [...times.values()];
}

function weeklies(from: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `w_2076_${String(from + index).padStart(2, "0")}`);
}

describe("notifications of docker-registry to the whole service", () => {
  it("show the first push within two seconds, and each of many within seven", async (context) => {
    const { registry, service } = await startWorld(context, `Bearer ${SECRET}`);
    const startedAt = performance.now();
    const [first = Number.NaN] = await timesToShow(registry, service, ["w_2077_41"]);
    context.diagnostic(`the first push shows after ${Math.round(first)} ms`);
    assert.ok(first < FIRST_PUSH);
    for (const tags of [weeklies(1, 10), weeklies(11, 10)]) {
      const slowest = Math.max(...(await timesToShow(registry, service, tags)));
      context.diagnostic(`the slowest of ten pushes shows after ${Math.round(slowest)} ms`);
      assert.ok(slowest < ANY_PUSH);
    }
    await registry.delete("w_2077_41");
    const deletedAt = performance.now();
    const gone = async () => assert.equal((await service.tags()).includes("w_2077_41"), false);
    await eventually(gone, { withinMs: 2 * ANY_PUSH });
    assert.ok(performance.now() - deletedAt < ANY_PUSH);
    const most = 1 + Math.floor((performance.now() - startedAt) / INTERVAL);
    assert.ok(notifiedRefreshes(service) <= most, `${notifiedRefreshes(service)} refreshes, at most ${most} allowed`);
  });

  it("with another secret are refused, and change nothing", async (context) => {
    const { relay, registry, service } = await startWorld(context, "Bearer canary-wrong-secret");
    await registry.push("w_2077_41");
    await eventually(() => assert.ok(relay.relayed.some(({ status }) => status === 401)));
    await service.client.call("Refresh", {});
    assert.ok((await service.tags()).includes("w_2077_41"));
    assert.equal(notifiedRefreshes(service), 0);
    assert.deepEqual(new Set(relay.relayed.map(({ status }) => status)), new Set([null, 401]));
    assert.doesNotMatch(await service.everythingTold(), /canary/);
  });

  it("are admitted by the secret that the file holds now, which nobody is told", async (context) => {
    const { service, secretFile } = await startWorld(context, `Bearer ${SECRET}`);
    const post = async (secret: string) => {
      const headers = { authorization: `Bearer ${secret}` };
      const answer = await fetch(`http://${service.http}/hooks/registry`, { method: "POST", headers, body: "{}" });
      return `${answer.status} ${await answer.text()}`;
    };
    assert.match(await post(""), /^401 /);
    assert.match(await post(`${SECRET}x`), /^401 /);
    await writeFile(secretFile, "canary-rotated");
    assert.match(await post(SECRET), /^401 the shared secret is missing or wrong\n?$/);
    assert.equal(notifiedRefreshes(service), 0);
    assert.match(await post("canary-rotated"), /^202 /);
    await eventually(() => assert.equal(notifiedRefreshes(service), 1));
    await writeFile(secretFile, "");
    assert.match(await post(""), /^401 /);
    assert.doesNotMatch(await service.everythingTold(), /canary/);
  });
});
