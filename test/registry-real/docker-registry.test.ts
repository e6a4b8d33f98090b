/** The registry client against distribution as Debian packages it: `apt-get install docker-registry`. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { RegistryDeniedError, RegistryUnavailableError } from "../../src/domain/errors.ts";
import { createRegistryHook } from "../../src/http/registry-hook.ts";
import type { DockerSourceOptions } from "../../src/registry/oci/docker-source.ts";
import { createNotificationThrottle, REFRESH_PACE } from "../../src/registry/oci/notification-throttle.ts";
import { nodeClock } from "../registry/node-clock.ts";
import { quickLimits, sourceFor, unhurried } from "../registry/source-under-test.ts";
import {
  type DockerRegistry,
  type DockerRegistryOptions,
  htpasswdAccount,
  startDockerRegistry,
} from "../support/docker-registry.ts";
import { eventually } from "../support/eventually.ts";
import { startTokenServer, type TokenServer } from "./token-server.ts";

let directory = "";
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "registry-real-"));
});
after(() => rm(directory, { recursive: true }));

let files = 0;
async function credentialsFile(host: string, entry: object): Promise<string> {
  files += 1;
  const path = join(directory, `${files}.json`);
  await writeFile(path, JSON.stringify({ auths: { [host]: entry } }));
  return path;
}

async function start(context: TestContext, options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const registry = await startDockerRegistry(options);
  context.after(() => registry.close());
  return registry;
}

function source(context: TestContext, registry: DockerRegistry, options: Partial<DockerSourceOptions> = {}) {
  const { host, repository } = registry;
  const opened = sourceFor(context, { registry: host, repository, ...options });
  return {
    list: async () => (await opened.listTags(unhurried)).map(({ tag }) => tag).sort((a, b) => a.localeCompare(b)),
    digest: async (tag: string) => (await opened.resolveTags([tag], unhurried)).get(tag)?.digest,
    resolve: (tags: readonly string[]) => opened.resolveTags(tags, unhurried),
  };
}

/** What every way of authentication has to get right. */
async function checkContents(registry: DockerRegistry, asked: ReturnType<typeof source>): Promise<void> {
  const weekly = await registry.push("w_2077_43", { content: "forty-three" });
  assert.equal(await registry.push("recommended", { content: "forty-three" }), weekly);
  const older = await registry.push("w_2077_42");
  assert.notEqual(older, weekly);
  assert.deepEqual(await asked.list(), ["recommended", "w_2077_42", "w_2077_43"]);
  const resolved = await asked.resolve(["recommended", "w_2077_42", "w_2077_43", "absent", "__proto__"]);
  assert.deepEqual(
    [...resolved]
      .map(([tag, { digest }]) => [tag, digest])
      .sort(([a = ""], [b = ""]) => String(a).localeCompare(String(b))),
    [
      ["recommended", weekly],
      ["w_2077_42", older],
      ["w_2077_43", weekly],
    ],
  );
  const moved = await registry.push("recommended", { content: "forty-four" });
  assert.equal(await asked.digest("recommended"), moved);
  assert.equal(await asked.digest("w_2077_43"), weekly);
  await registry.delete("w_2077_42");
  assert.deepEqual(await asked.list(), ["recommended", "w_2077_43"]);
  assert.equal(await asked.digest("w_2077_42"), undefined);
}

describe("docker-registry without authentication", () => {
  it("lists and resolves tags that share, change and lose digests", async (context) => {
    const registry = await start(context);
    await checkContents(registry, source(context, registry));
  });

  it("has no repository before the first push", async (context) => {
    const registry = await start(context);
    await assert.rejects(source(context, registry).list(), /RegistryUnavailableError: .* has no repository/);
  });

  it("resolves many tags over a few connections", async (context) => {
    const registry = await start(context);
    const digest = await registry.push("t0", { content: "shared" });
    const tags = ["t0"];
    for (let index = 1; index < 40; index += 1) {
      tags.push(`t${index}`);
      await registry.push(`t${index}`, { content: "shared" });
    }
    const resolved = await source(context, registry).resolve(tags);
    assert.deepEqual(new Set([...resolved.values()].map((one) => one.digest)), new Set([digest]));
    assert.equal(resolved.size, 40);
  });

  it("goes away and comes back", async (context) => {
    const registry = await start(context);
    const digest = await registry.push("w_2077_43");
    const asked = source(context, registry, { limits: { ...quickLimits, attempts: 2 } });
    assert.equal(await asked.digest("w_2077_43"), digest);
    await registry.stop();
    await assert.rejects(asked.list(), (error) => {
      assert.ok(error instanceof RegistryUnavailableError);
      assert.match(error.message, /cannot be reached \(ECONNREFUSED\)$/);
      return true;
    });
    await registry.start();
    assert.equal(await asked.digest("w_2077_43"), digest);
    assert.deepEqual(await asked.list(), ["w_2077_43"]);
  });
});

describe("docker-registry with htpasswd", () => {
  it("gives all to the account, and a clear refusal to others", async (context) => {
    const registry = await start(context, { auth: { kind: "htpasswd" } });
    const credentialsPath = await credentialsFile(registry.host, htpasswdAccount);
    await checkContents(registry, source(context, registry, { credentialsPath }));
    await assert.rejects(source(context, registry).list(), /RegistryDeniedError: .* wants a name and a password/);
    const wrong = await credentialsFile(registry.host, { ...htpasswdAccount, password: "canary-wrong" });
    await assert.rejects(source(context, registry, { credentialsPath: wrong }).list(), (error) => {
      assert.ok(error instanceof RegistryDeniedError);
      assert.match(error.message, /refuses the configured credentials/);
      return true;
    });
  });
});

describe("docker-registry with tokens", () => {
  async function startWithTokens(context: TestContext, account?: { username: string; password: string }) {
    const tokens: TokenServer = await startTokenServer(account === undefined ? {} : { account });
    context.after(() => tokens.close());
    const { realm, service, issuer, certificatePem, tokenFor } = tokens;
    const auth = { kind: "token", realm, service, issuer, certificatePem, tokenFor } as const;
    const registry = await start(context, { auth });
    return { tokens, registry, tokenHosts: [new URL(realm).host] };
  }

  it("gives all to anonymous callers who may pull", async (context) => {
    const { tokens, registry, tokenHosts } = await startWithTokens(context);
    await checkContents(registry, source(context, registry, { tokenHosts }));
    assert.equal(tokens.issued, 1);
    assert.deepEqual(tokens.authorizations, [null]);
  });

  it("gives all to an account, and reports who refuses", async (context) => {
    const account = { username: "robot", password: "canary, with comma" };
    const { tokens, registry, tokenHosts } = await startWithTokens(context, account);
    const credentialsPath = await credentialsFile(registry.host, account);
    await checkContents(registry, source(context, registry, { tokenHosts, credentialsPath }));
    assert.equal(tokens.issued, 1);
    const anonymous = source(context, registry, { tokenHosts }).list();
    await assert.rejects(anonymous, /RegistryDeniedError: the token service on .* refuses anonymous access \(401\)$/);
    const issued = tokens.issued;
    await assert.rejects(source(context, registry, { credentialsPath }).list(), /images\.source\.tokenHosts/);
    assert.equal(tokens.issued, issued);
  });

  it("refuses tokens that have expired, and is right again with a new one", async (context) => {
    const { tokens, registry, tokenHosts } = await startWithTokens(context);
    await registry.push("w_2077_43");
    // Over already when it arrives, beyond the registry's leeway of a minute.
    tokens.lifetimeSeconds = -120;
    const asked = source(context, registry, { tokenHosts });
    await assert.rejects(asked.list(), /RegistryDeniedError: .* refuses anonymous access \(401\)$/);
    tokens.lifetimeSeconds = 300;
    assert.deepEqual(await asked.list(), ["w_2077_43"]);
  });
});

describe("docker-registry's notifications", () => {
  it("reach the hook, filtered and throttled, in time", async (context) => {
    let refreshes = 0;
    const throttle = createNotificationThrottle(
      nodeClock,
      () => {
        refreshes += 1;
      },
      REFRESH_PACE,
    );
    context.after(() => throttle.stop());
    const notified: number[] = [];
    const repository = "lab/sketchbook";
    const handle = createRegistryHook({
      onLimit: () => undefined,
      secret: () => "hook-secret",
      repositories: new Set([repository]),
      clock: nodeClock,
      notify: () => {
        notified.push(performance.now());
        throttle.notify();
      },
    });
    const statuses: number[] = [];
    const server = createServer((request, response) => {
      response.once("finish", () => statuses.push(response.statusCode));
      Promise.resolve(handle(request, response)).catch(() => response.destroy());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    context.after(() => {
      server.close();
      server.closeAllConnections();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/registry`;
    const registry = await start(context, { repository, notifications: { url, authorization: "Bearer hook-secret" } });
    const pushedAt = performance.now();
    await registry.push("w_2077_43");
    await eventually(() => assert.equal(notified.length, 1));
    assert.ok((notified[0] ?? 0) - pushedAt < 2_000);
    await eventually(() => assert.equal(refreshes, 2), { withinMs: 5_000 });
    // What the refresh itself reads is told too, and must not start the next one.
    const answered = statuses.length;
    await source(context, registry).resolve(["w_2077_43"]);
    await eventually(() => assert.ok(statuses.length > answered));
    assert.equal(notified.length, 1);
    const count = notified.length;
    await registry.push("w_2077_44");
    await registry.delete("w_2077_43");
    await eventually(() => assert.ok(notified.length >= count + 2));
    assert.deepEqual(new Set(statuses), new Set([202]));
    await eventually(() => assert.ok(refreshes >= 4), { withinMs: 7_000 });
  });
});
