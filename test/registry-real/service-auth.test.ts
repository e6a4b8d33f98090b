/** The whole service, as a process, on docker-registry with authentication: what it answers, refuses and never tells. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import {
  type ServiceOnSource,
  scratchDirectory,
  startServiceOn,
  writeCredentials,
} from "../registry/service-on-source.ts";
import {
  type DockerRegistry,
  type DockerRegistryAuth,
  htpasswdAccount,
  startDockerRegistry,
} from "../support/docker-registry.ts";
import { CallFailure } from "../support/error-details.ts";
import { eventually } from "../support/eventually.ts";
import { startTokenServer } from "./token-server.ts";

interface Account {
  readonly username: string;
  readonly password: string;
}

/** One way of authentication. */
interface Setting {
  readonly auth: DockerRegistryAuth;
  readonly account: Account;
  /** Into `images.source`, besides registry and repository. */
  readonly more: Readonly<Record<string, unknown>>;
  /** How the service words that the credentials are wrong. */
  readonly refusal: RegExp;
}

const settings: Readonly<Record<string, (context: TestContext) => Promise<Setting>>> = {
  htpasswd: async () => ({
    auth: { kind: "htpasswd" },
    account: htpasswdAccount,
    more: {},
    refusal: /^127\.0\.0\.1:\d+ refuses the configured credentials \(401\)$/,
  }),
  tokens: async (context) => {
    const account = { username: "lab-images", password: "canary, of the tokens" };
    const { realm, service, issuer, certificatePem, tokenFor, close } = await startTokenServer({ account });
    context.after(close);
    return {
      auth: { kind: "token", realm, service, issuer, certificatePem, tokenFor },
      account,
      more: { tokenHosts: [new URL(realm).host] },
      refusal: /^the token service on 127\.0\.0\.1:\d+ refuses the configured credentials \(401\)$/,
    };
  },
};

/** Every form in which a secret could turn up. */
function formsOf({ username, password }: Account): readonly string[] {
  const encoded = [`${username}:${password}`, password].map((text) => Buffer.from(text).toString("base64"));
  return [password, encodeURIComponent(password), ...encoded.map((text) => text.replace(/=+$/, ""))];
}

/** How a call has failed. */
async function failureOf(call: Promise<unknown>): Promise<CallFailure> {
  try {
    await call;
  } catch (error) {
    if (error instanceof CallFailure) return error;
    throw error;
  }
  throw new Error("the call has not failed");
}

async function pushImages(registry: DockerRegistry) {
  const weekly = await registry.push("w_2077_43", { content: "forty-three" });
  await registry.push("recommended", { content: "forty-three" });
  const old = await registry.push("w_2077_01");
  await registry.push("w_2077_42");
  return { weekly, old };
}

/** The answers that need the listing, the digests of the prepull set, and a look-up beyond it. */
async function checkAnswers(service: ServiceOnSource, digests: Awaited<ReturnType<typeof pushImages>>) {
  assert.deepEqual(await service.tags(), ["recommended", "w_2077_43", "w_2077_42", "w_2077_01"]);
  const recommended = await service.client.call("ResolveImage", { imageClass: "IMAGE_CLASS_RECOMMENDED" });
  assert.equal(recommended.image.digest, digests.weekly);
  const looked = await service.client.call("ResolveImage", { tag: "w_2077_01" });
  assert.equal(looked.image.digest, digests.old);
}

for (const [name, prepare] of Object.entries(settings)) {
  describe(`the service on docker-registry with ${name}`, () => {
    it("answers, reports who refuses it and why, heals with its credentials, and reveals no secret", async (context) => {
      const { auth, account, more, refusal } = await prepare(context);
      const registry = await startDockerRegistry({ auth });
      context.after(() => registry.close());
      const digests = await pushImages(registry);
      const wrong = { ...account, password: "canary-wrong" };
      const dockerCredentialsPath = join(await scratchDirectory(context), "config.json");
      await writeCredentials(dockerCredentialsPath, registry.host, wrong);
      const images = { dockerCredentialsPath, numWeeklies: 2, refreshInterval: 0.2 };
      const source = { type: "docker", registry: registry.host, repository: registry.repository, ...more };
      const service = await startServiceOn(context, { source, images });

      const refused = await failureOf(service.client.call("Refresh", {}));
      assert.deepEqual([refused.code, refused.reason], ["FAILED_PRECONDITION", "REGISTRY_DENIED"]);
      assert.match(refused.message, refusal);
      assert.equal(await service.client.health(), "NOT_SERVING");

      await writeCredentials(dockerCredentialsPath, registry.host, account);
      await service.serving();
      await checkAnswers(service, digests);

      await writeCredentials(dockerCredentialsPath, registry.host, wrong);
      await eventually(async () => {
        const { ok, reason } = await service.registryStatus();
        assert.equal(ok, false);
        assert.match(reason, refusal);
      });
      assert.equal((await service.client.call("ListImages", {})).state.stale, true);
      const lookUp = await failureOf(service.client.call("ResolveImage", { tag: "w_2077_01" }));
      assert.deepEqual([lookUp.code, lookUp.reason], ["FAILED_PRECONDITION", "REGISTRY_DENIED"]);

      await registry.push("w_2077_44");
      await writeCredentials(dockerCredentialsPath, registry.host, account);
      const healed = async () => assert.equal((await service.tags()).includes("w_2077_44"), true);
      await eventually(healed, { withinMs: 20_000 });
      assert.equal((await service.registryStatus()).ok, true);

      const told = [await service.everythingTold(), refused.stack, lookUp.stack].join("\n");
      for (const secret of [...formsOf(account), ...formsOf(wrong)]) assert.equal(told.includes(secret), false);
      assert.doesNotMatch(told, /canary/);
    });
  });
}
