/** A push shows in the answers in time: docker-registry notifies the whole service, as a process, by the real clock. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { type ServiceOnSource, scratchDirectory, startCluster, startServiceOn } from "../registry/service-on-source.ts";
import { type DockerRegistry, startDockerRegistry } from "../support/docker-registry.ts";
import { eventually } from "../support/eventually.ts";
import { startNotificationRelay } from "../support/notification-relay.ts";

/** The promise, milliseconds: a push shows within this time if it is the first, within that if several come. */
const FIRST_PUSH = 2_000;
const ANY_PUSH = 5_000;
/** At most one refresh in this time, milliseconds. */
const INTERVAL = 2_000;

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

/** Two replicas on one cluster and one registry, which notifies the one that does not lead (field case F72). */
async function startReplicas(context: TestContext) {
  const relay = await startNotificationRelay();
  context.after(() => relay[Symbol.asyncDispose]());
  const registry = await startDockerRegistry({ notifications: { url: relay.url, authorization: `Bearer ${SECRET}` } });
  context.after(() => registry.close());
  await registry.push("w_2077_40");
  const secretFile = join(await scratchDirectory(context), "secret");
  await writeFile(secretFile, `${SECRET}\n`);
  const cluster = await startCluster(context);
  cluster.put("namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "lab-images" } });
  const settings = {
    source: { type: "docker", registry: registry.host, repository: registry.repository },
    images: { numWeeklies: 100 },
    http: { hookSecretFile: secretFile },
    prepuller: { enabled: true, namespace: "lab-images" },
    cluster,
  };
  const replicas = [await startServiceOn(context, settings), await startServiceOn(context, settings)];
  const says = (text: string) => (replica: ServiceOnSource) => replica.log.some(({ msg }) => msg.includes(text));
  await eventually(() => assert.ok(replicas.some(says("acquired")) && replicas.some(says("standby"))), {
    withinMs: 20_000,
  });
  const [leader, standby] = [replicas.find(says("acquired")), replicas.find(says("standby"))];
  assert.ok(leader !== undefined && standby !== undefined && leader !== standby);
  for (const replica of replicas) await replica.serving();
  relay.target = standby.http;
  return { registry, leader, standby };
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

/** Moves the tags to other digests. Returns how long each took to show, ms from before its push. */
async function timesToMove(
  registry: DockerRegistry,
  { client }: ServiceOnSource,
  tags: readonly string[],
): Promise<readonly number[]> {
  const moves = tags.map(async (tag, index) => {
    const movedAt = performance.now();
    const digest = await registry.push(tag, { content: `moved ${tag} ${index}` });
    const shows = async () => assert.equal((await client.call("ResolveImage", { tag })).image.digest, digest);
    await eventually(shows, { withinMs: 2 * ANY_PUSH });
    return performance.now() - movedAt;
  });
  return await Promise.all(moves);
}

function weeklies(from: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `w_2076_${String(from + index).padStart(2, "0")}`);
}

describe("notifications of docker-registry to the whole service", () => {
  it("show the first push within two seconds, and each of many within five", async (context) => {
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
    const most = 2 + Math.floor((performance.now() - startedAt) / INTERVAL);
    assert.ok(notifiedRefreshes(service) <= most, `${notifiedRefreshes(service)} refreshes, at most ${most} allowed`);
  });

  it("F71, F72: reach the leader within five seconds, whichever replica they reach: 40 pushes and 20 moved tags", async (context) => {
    const { registry, leader } = await startReplicas(context);
    const slowest: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      slowest.push(Math.max(...(await timesToShow(registry, leader, weeklies(1 + round * 10, 10)))));
    }
    for (const from of [1, 11]) slowest.push(Math.max(...(await timesToMove(registry, leader, weeklies(from, 10)))));
    context.diagnostic(`the slowest of 40 pushes and 20 moved tags shows after ${Math.round(Math.max(...slowest))} ms`);
    assert.ok(Math.max(...slowest) < ANY_PUSH);
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

  it("are admitted by the secret that the file holds now, which nobody sees", async (context) => {
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
    await eventually(() => assert.ok(notifiedRefreshes(service) >= 1));
    await writeFile(secretFile, "");
    assert.match(await post(""), /^401 /);
    assert.doesNotMatch(await service.everythingTold(), /canary/);
  });
});
