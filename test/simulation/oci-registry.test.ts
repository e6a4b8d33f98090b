import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, afterEach, describe, it } from "node:test";
import {
  type OciRegistryOptions,
  type SimulatedRegistry,
  startOciRegistry,
} from "../../src/simulation/registry/oci-registry.ts";

const INDEX = "application/vnd.oci.image.index.v1+json";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

describe("simulated OCI registry", () => {
  const started: SimulatedRegistry[] = [];
  afterEach(async () => {
    for (const registry of started.splice(0)) await registry.close();
  });

  async function start(options: OciRegistryOptions = {}): Promise<SimulatedRegistry> {
    const registry = await startOciRegistry(options);
    started.push(registry);
    return registry;
  }

  async function listAll(registry: SimulatedRegistry, repository: string): Promise<string[]> {
    const tags: string[] = [];
    let next: string | null = `/v2/${repository}/tags/list?n=1000`;
    while (next !== null) {
      const answer: Response = await fetch(new URL(next, registry.url));
      assert.equal(answer.status, 200);
      tags.push(...(((await answer.json()) as { tags: string[] | null }).tags ?? []));
      next = /^<(.*)>; rel="next"$/.exec(answer.headers.get("link") ?? "")?.[1] ?? null;
    }
    return tags;
  }

  it("says that it is a simulation", async () => {
    const registry = await start();
    const root = await fetch(registry.url);
    assert.match(await root.text(), /simulated/);
    assert.equal(root.headers.get("server"), "lab-images-simulation");
  });

  it("serves manifests whose digest is the hash of their bytes, by tag and by digest", async () => {
    const registry = await start();
    for (const kind of ["oci-manifest", "oci-index", "docker-manifest", "docker-list"] as const) {
      const digest = registry.push("lab/sketchbook", kind, { kind, sizeBytes: 4_000_000_000 });
      for (const reference of [kind, digest]) {
        const answer = await fetch(`${registry.url}/v2/lab/sketchbook/manifests/${reference}`);
        const bytes = Buffer.from(await answer.arrayBuffer());
        assert.equal(answer.headers.get("docker-content-digest"), digest);
        assert.equal(`sha256:${createHash("sha256").update(bytes).digest("hex")}`, digest);
        assert.equal(
          (JSON.parse(bytes.toString()) as { mediaType: string }).mediaType,
          answer.headers.get("content-type"),
        );
      }
    }
  });

  it("hides a manifest from those who do not accept its type", async () => {
    const registry = await start();
    registry.push("lab", "w_2077_43", { kind: "oci-index" });
    const url = `${registry.url}/v2/lab/manifests/w_2077_43`;
    assert.equal((await fetch(url, { headers: { accept: MANIFEST } })).status, 404);
    assert.equal((await fetch(url, { method: "HEAD", headers: { accept: INDEX } })).status, 200);
  });

  it("shares a digest between tags, moves tags and removes them", async () => {
    const registry = await start();
    const first = registry.push("lab", "w_2077_42");
    assert.equal(registry.push("lab", "recommended", { digest: first }), first);
    const second = registry.push("lab", "w_2077_43");
    assert.notEqual(second, first);
    assert.equal(registry.push("lab", "recommended", { digest: second }), second);
    assert.throws(() => registry.push("lab", "x", { digest: "sha256:00" }), /holds no manifest/);
    assert.equal(registry.remove("lab", "w_2077_42"), true);
    assert.equal(registry.remove("lab", "w_2077_42"), false);
    assert.equal(registry.remove("other", "w_2077_42"), false);
    assert.deepEqual(registry.tags("lab"), ["recommended", "w_2077_43"]);
    assert.deepEqual(registry.tags("other"), []);
  });

  it("pages with relative and with absolute links, and keeps odd names apart", async () => {
    const registry = await start({ behaviour: { pageSize: 2 } });
    const names = ["__proto__", "constructor", "toString", "w_2077_43", "z"];
    for (const name of names) registry.push("lab", name);
    assert.deepEqual(await listAll(registry, "lab"), names);
    registry.behaviour.link = "absolute";
    assert.deepEqual(await listAll(registry, "lab"), names);
    assert.equal(registry.requests.length, 6);
    registry.clearRequests();
    assert.equal(registry.requests.length, 0);
  });

  it("answers what it does not have or do with the specification's errors", async () => {
    const registry = await start({ behaviour: { emptyTags: "null" } });
    registry.push("empty", "gone");
    registry.remove("empty", "gone");
    assert.deepEqual(await (await fetch(`${registry.url}/v2/empty/tags/list`)).json(), { name: "empty", tags: null });
    const cases: [string, string, number][] = [
      ["GET", "/v2/none/tags/list", 404],
      ["GET", "/v2/empty/manifests/gone", 404],
      ["GET", "/v2/empty/blobs/x", 404],
      ["GET", "/v2/%zz", 400],
      ["PUT", "/v2/empty/manifests/new", 405],
      ["GET", "/v2/", 200],
      ["GET", "/token", 404],
    ];
    for (const [method, path, status] of cases) {
      assert.equal((await fetch(registry.url + path, { method })).status, status, `${method} ${path}`);
    }
  });

  it("wants basic credentials where it is configured to", async () => {
    const registry = await start({ auth: { kind: "basic", username: "lab", password: "s:ecret" } });
    const refused = await fetch(`${registry.url}/v2/`);
    assert.equal(refused.status, 401);
    assert.match(refused.headers.get("www-authenticate") ?? "", /^Basic realm="/);
    const authorization = `Basic ${Buffer.from("lab:s:ecret").toString("base64")}`;
    assert.equal((await fetch(`${registry.url}/v2/`, { headers: { authorization } })).status, 200);
    assert.equal(registry.requests[1]?.authorization, "basic");
    assert.equal(JSON.stringify(registry.requests.map(({ headers }) => [...headers])).includes(authorization), false);
    registry.expireTokens();
    assert.equal(registry.tokensIssued, 0);
  });

  it("gives tokens that expire, to anonymous callers or to an account", async () => {
    let time = 1_000;
    const registry = await start({
      auth: { kind: "bearer", lifetimeSeconds: 60, field: "access_token", expiredStatus: 400 },
      now: () => time,
    });
    const { access_token: token, expires_in: lifetime } = (await (await fetch(`${registry.url}/token`)).json()) as {
      access_token: string;
      expires_in: number;
    };
    assert.equal(lifetime, 60);
    const headers = { authorization: `Bearer ${token}` };
    assert.equal((await fetch(`${registry.url}/v2/`, { headers })).status, 200);
    time += 60_000;
    assert.equal((await fetch(`${registry.url}/v2/`, { headers })).status, 400);
    assert.equal((await fetch(`${registry.url}/v2/`)).status, 401);
  });

  it("exchanges an identity token, and refuses what it does not know", async () => {
    const registry = await start({ auth: { kind: "bearer", identityToken: "refresh", tellsLifetime: false } });
    const url = `${registry.url}/token`;
    const exchange = (text: string) =>
      fetch(url, { method: "POST", body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: text }) });
    assert.deepEqual(Object.keys((await (await exchange("refresh")).json()) as object), ["token"]);
    assert.equal((await exchange("wrong")).status, 401);
    assert.equal((await exchange("x".repeat(100_000))).status, 401);
    assert.equal((await fetch(url)).status, 401);
    assert.equal(registry.tokensIssued, 1);
  });

  it("turns requests away, sends wrong digests or none, and lets tests answer in its place", async () => {
    const registry = await start();
    registry.push("lab", "w");
    const url = `${registry.url}/v2/lab/manifests/w`;
    const told = async () => (await fetch(url, { method: "HEAD" })).headers.get("docker-content-digest");
    registry.behaviour.throttle = { requests: 1, status: 429, retryAfter: "7" };
    const slow = await fetch(url);
    assert.deepEqual([slow.status, slow.headers.get("retry-after")], [429, "7"]);
    assert.match((await told()) ?? "", /^sha256:/);
    registry.behaviour.headDigest = "missing";
    assert.equal(await told(), null);
    registry.behaviour.headDigest = { wrong: "md5:1" };
    assert.equal(await told(), "md5:1");
    registry.behaviour.intercept = (_request, response) => {
      response.end("<html>");
      return true;
    };
    assert.equal(await (await fetch(url)).text(), "<html>");
    assert.ok(registry.connections >= 1);
    assert.ok(registry.peakConcurrency >= 1);
  });

  describe("with a hook", () => {
    const bodies: string[] = [];
    let status = 202;
    const hook = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on("end", () => {
        bodies.push(`${request.headers.authorization ?? ""} ${body}`);
        response.writeHead(status).end();
      });
    });
    after(() => hook.close());

    it("reports pushes in distribution's envelope, in order, and counts what fails", async () => {
      hook.listen(0, "127.0.0.1");
      await once(hook, "listening");
      const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hooks/registry`;
      const registry = await start({ hook: { url, headers: { authorization: "Bearer x" } } });
      const digest = registry.push("lab", "one");
      registry.push("lab", "two");
      await registry.notificationsSettled();
      assert.equal(bodies.length, 2);
      assert.match(bodies[0] ?? "", /^Bearer x /);
      const { events } = JSON.parse((bodies[0] ?? "").slice(9)) as { events: { action: string; target: object }[] };
      assert.equal(events[0]?.action, "push");
      assert.deepEqual(
        { ...events[0]?.target, url: "", size: 0, length: 0 },
        {
          mediaType: MANIFEST,
          digest,
          repository: "lab",
          tag: "one",
          url: "",
          size: 0,
          length: 0,
        },
      );
      status = 500;
      registry.push("lab", "three");
      await registry.notificationsSettled();
      assert.equal(registry.failedNotifications, 1);
      hook.closeAllConnections();
      hook.close();
      registry.push("lab", "four");
      await registry.notificationsSettled();
      assert.equal(registry.failedNotifications, 2);
    });
  });
});
