import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { describe, it, type TestContext } from "node:test";
import { RegistryDeniedError } from "../../src/domain/errors.ts";
import { recordLog } from "./log-recorder.ts";
import { REPOSITORY, registryWith, sourceFor, unhurried } from "./source-under-test.ts";
import { isUnavailable } from "./source-with-faults.ts";
import { account, sourceWithSecrets } from "./source-with-secrets.ts";

const JSON_TYPE = { "content-type": "application/json" };
const SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/** How a registry answers for one tag in place of its manifest. */
type Misbehaviour = (response: ServerResponse, method: string) => void;

const status =
  (code: number): Misbehaviour =>
  (response) =>
    response.writeHead(code, JSON_TYPE).end('{"errors":[{"code":"DENIED"}]}');

const manifest =
  (type: string, body: string | Buffer): Misbehaviour =>
  (response) =>
    response.writeHead(200, { "content-type": type }).end(body);

/** A source on a registry with these tags, some of which answer as the map says. */
async function startWith(context: TestContext, tags: readonly string[]) {
  const registry = await registryWith(context, tags);
  const log = recordLog();
  const source = sourceFor(context, { registry: registry.host, logger: log, limits: { attempts: 2 } });
  const answers = new Map<string, Misbehaviour>();
  registry.behaviour.intercept = (request, response) => {
    const answer = answers.get(/\/manifests\/([^/]+)$/.exec(request.url ?? "")?.[1] ?? "");
    answer?.(response, request.method ?? "");
    return answer !== undefined;
  };
  const resolve = async () => await source.resolveTags(tags, unhurried);
  const faults = async () =>
    [...(await resolve()).values()].flatMap(({ tag, fault }) => (fault === undefined ? [] : [`${tag} ${fault}`]));
  return { registry, source, log, answers, resolve, faults };
}

describe("a HEAD proves no absence (F2)", () => {
  for (const code of [400, 403, 404, 405, 406, 410, 500, 501]) {
    it(`F2: a HEAD that answers ${code} where a GET has the manifest drops no tag`, async (context) => {
      const { registry, resolve } = await startWith(context, ["a", "b", "c"]);
      const digest = (await resolve()).get("b")?.digest;
      registry.behaviour.intercept = (request, response) => {
        if (request.method !== "HEAD") return false;
        response.writeHead(code, JSON_TYPE).end();
        return true;
      };
      const resolved = await resolve();
      assert.deepEqual([...resolved.keys()], ["a", "b", "c"]);
      assert.equal(resolved.get("b")?.digest, digest);
    });
  }

  it("F2: a tag is absent once a GET says so in the registry's own form", async (context) => {
    const { registry, answers, resolve, faults } = await startWith(context, ["a", "b", "c"]);
    registry.remove(REPOSITORY, "b");
    assert.deepEqual([...(await resolve()).keys()], ["a", "c"]);
    answers.set("c", (response) => response.writeHead(404, { "content-type": "text/html" }).end("<html>"));
    assert.deepEqual(await faults(), ["c answers 404"]);
  });
});

describe("one tag's trouble stays that tag's trouble (F8)", () => {
  it("F8: an answer about a tag concerns it alone: it keeps its last digest, or has none", async (context) => {
    const { registry, answers, resolve, faults } = await startWith(context, ["a", "b", "c"]);
    for (const code of [400, 403, 405, 406, 410, 412, 415, 418, 451]) {
      answers.set("b", status(code));
      const first = await resolve();
      assert.deepEqual(first.get("b"), { tag: "b", digest: null, sizeBytes: null, fault: `answers ${code}` });
      assert.match(first.get("a")?.digest ?? "", /^sha256:/);
      answers.clear();
      const digest = (await resolve()).get("b")?.digest;
      registry.push(REPOSITORY, "b", { content: `moved at ${code}` });
      answers.set("b", status(code));
      for (let refresh = 0; refresh < 3; refresh += 1) assert.equal((await resolve()).get("b")?.digest, digest);
      assert.deepEqual(await faults(), [`b answers ${code}`]);
      // Once it has been absent nothing is remembered of it.
      answers.clear();
      registry.remove(REPOSITORY, "b");
      assert.equal((await resolve()).has("b"), false);
      registry.push(REPOSITORY, "b");
    }
  });

  it("F8: so does a manifest that cannot be used", async (context) => {
    const { answers, faults } = await startWith(context, ["a", "b"]);
    const large = Buffer.alloc(5_000_000, " ");
    const cases: [Misbehaviour, string][] = [
      [manifest(SCHEMA_1, '{"schemaVersion":1}'), "has a manifest of schema 1"],
      [manifest("application/vnd.docker.distribution.manifest.v1+json", "{}"), "has a manifest of schema 1"],
      [manifest("application/octet-stream", '{"schemaVersion":1}'), "has a manifest of schema 1"],
      [manifest("text/html", "<html>canary</html>"), "has a manifest of a type that was not asked for"],
      [manifest("application/json", "canary"), "has a manifest of a type that was not asked for"],
      [manifest("application/json", "[[[["), "has a manifest of a type that was not asked for"],
      [manifest("application/json", `{"mediaType":"${SCHEMA_1}"}`), "has a manifest of a type that was not asked for"],
      [manifest("application/json", '{"schemaVersion":2}'), "has a manifest of a type that was not asked for"],
      [manifest("application/vnd.oci.image.index.v1+json", large), "has a manifest of more than 4194304 bytes"],
    ];
    for (const [answer, fault] of cases) {
      answers.set("b", answer);
      assert.deepEqual(await faults(), [`b ${fault}`]);
    }
    answers.set("b", (response, method) => {
      const told = { "content-type": SCHEMA_1, "docker-content-digest": `sha256:${"0".repeat(64)}` };
      response.writeHead(200, told).end(method === "HEAD" ? undefined : "{}");
    });
    assert.deepEqual(await faults(), ["b has a manifest of schema 1"]);
  });

  it("F13: a manifest whose type was lost on the way is one by its own words", async (context) => {
    const { answers, faults, resolve } = await startWith(context, ["a", "b"]);
    const bodies = [
      '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}',
      '{"schemaVersion":2,"config":{},"layers":[]}',
      '{"schemaVersion":2,"manifests":[]}',
    ];
    for (const body of bodies) {
      for (const type of ["application/octet-stream", "application/json; charset=utf-8", "text/plain"]) {
        answers.set("b", manifest(type, body));
        assert.deepEqual(await faults(), []);
        assert.match((await resolve()).get("b")?.digest ?? "", /^sha256:/);
      }
    }
  });

  it("F8: what is answered for every tag is the registry's", async (context) => {
    const { answers, resolve } = await startWith(context, ["a", "b"]);
    for (const tag of ["a", "b"]) answers.set(tag, status(403));
    await assert.rejects(resolve(), (error) => {
      assert.ok(error instanceof RegistryDeniedError);
      assert.match(error.message, /^tag a, b: 127\.0\.0\.1:\d+ refuses access to the manifest \(403\)$/);
      return true;
    });
    for (const tag of ["a", "b"]) answers.set(tag, status(412));
    await assert.rejects(resolve(), isUnavailable(/^tag a, b: .* answers 412 where a manifest was expected$/));
    answers.delete("a");
    assert.equal((await resolve()).get("b")?.fault, "answers 412");
    const alone = await startWith(context, ["a"]);
    alone.answers.set("a", status(403));
    await assert.rejects(alone.resolve(), RegistryDeniedError);
    alone.answers.set("a", status(412));
    assert.deepEqual(await alone.faults(), ["a answers 412"]);
  });

  it("F8: a 5xx fails the refresh and names the tag; in the third refresh running it is the tag's own", async (context) => {
    const { answers, resolve, registry } = await startWith(context, ["a", "b", "c"]);
    const digest = (await resolve()).get("b")?.digest;
    const failure = isUnavailable(/^tag b: 127\.0\.0\.1:\d+ answers 500$/);
    answers.set("b", status(500));
    await assert.rejects(resolve(), failure);
    await assert.rejects(resolve(), failure);
    const { fault, ...rest } = (await resolve()).get("b") ?? { fault: "" };
    assert.deepEqual(rest, { tag: "b", digest, sizeBytes: null });
    assert.match(fault ?? "", /^fails in 3 refreshes running: 127\.0\.0\.1:\d+ answers 500$/);
    answers.set("c", status(503));
    await assert.rejects(resolve(), isUnavailable(/^tag c: .* answers 503$/));
    answers.clear();
    assert.equal((await resolve()).get("b")?.fault, undefined);
    answers.set("b", status(500));
    await assert.rejects(resolve(), failure);
    // Where the others fail too it is no sign of the tag's own trouble.
    for (const tag of ["a", "c"]) answers.set(tag, status(500));
    for (let refresh = 0; refresh < 4; refresh += 1) {
      registry.clearRequests();
      await assert.rejects(resolve(), isUnavailable(/^tag [abc], [abc], [abc]: .* answers 500$/));
    }
  });

  it("F8: a time-out is treated alike", async (context) => {
    const registry = await registryWith(context, ["a", "b"]);
    const source = sourceFor(context, { registry: registry.host, limits: { attempts: 1, requestTimeoutMs: 1_000 } });
    registry.behaviour.intercept = ({ url }) => url?.endsWith("/b") === true;
    const resolve = () => source.resolveTags(["a", "b"], unhurried);
    for (let refresh = 0; refresh < 2; refresh += 1) {
      await assert.rejects(resolve(), isUnavailable(/^tag b: .* does not answer within 1 s$/));
    }
    assert.match((await resolve()).get("b")?.fault ?? "", /^fails in 3 refreshes running: .* does not answer/);
  });

  it("F8: a registry that is down is not asked for every tag", async (context) => {
    const tags = Array.from({ length: 100 }, (_, index) => `t${index}`);
    const { registry, answers, resolve } = await startWith(context, tags);
    for (const tag of tags) answers.set(tag, status(503));
    await assert.rejects(resolve(), isUnavailable(/^tag t\d+, .* and \d+ more: .* answers 503$/));
    assert.ok(registry.requests.length < 40, `${registry.requests.length} requests`);
  });

  it("F8: the log names each change once", async (context) => {
    const { answers, resolve, log } = await startWith(context, ["a", "b", "c"]);
    let seen = 0;
    const lines = () => {
      const fresh = log.lines.slice(seen).filter((line) => /cannot be read|can be read again/.test(line));
      seen = log.lines.length;
      return fresh;
    };
    answers.set("b", status(412));
    await resolve();
    await resolve();
    const [first = "", ...more] = lines();
    assert.match(first, /"tags":"b answers 412"/);
    assert.deepEqual(more, []);
    answers.set("b", status(403));
    await resolve();
    assert.match(lines().join(), /"tags":"b answers 403"/);
    answers.clear();
    await resolve();
    assert.match(lines().join(), /"tags":"b"/);
  });

  it("F8: a look-up of such a tag says what the registry answers", async (context) => {
    const { source, answers } = await startWith(context, ["a", "b"]);
    answers.set("b", status(412));
    await assert.rejects(source.lookUpTag("b", unhurried), isUnavailable(/^tag b answers 412 at 127\.0\.0\.1:\d+$/));
    answers.set("b", status(403));
    await assert.rejects(source.lookUpTag("b", unhurried), RegistryDeniedError);
    answers.set("b", status(500));
    await assert.rejects(source.lookUpTag("b", unhurried), isUnavailable(/^tag b: 127\.0\.0\.1:\d+ answers 500$/));
    assert.equal(await source.lookUpTag("gone", unhurried), null);
    assert.equal(await source.lookUpTag("../a", unhurried), null);
    assert.equal((await source.lookUpTag("a", unhurried))?.tag, "a");
  });

  for (const [what, answer] of [
    ["answers 412", status(412)],
    ["answers 403", status(403)],
    ["is of schema 1", manifest(SCHEMA_1, "{}")],
  ] as const) {
    it(`F8: a look-up of a tag that ${what} makes the source forget nothing of its registry`, async (context) => {
      const { registry, source, list, credentialsPath } = await sourceWithSecrets(context, {
        auth: { kind: "basic", ...account },
        credentials: account,
      });
      await list();
      // Whoever forgets the last good credentials has none.
      await writeFile(credentialsPath ?? "", "{");
      registry.behaviour.intercept = ({ method = "", url = "", headers }, response) => {
        if (headers.authorization === undefined || !url.endsWith("/manifests/b")) return false;
        answer(response, method);
        return true;
      };
      await assert.rejects(source.lookUpTag("b", unhurried), /^[A-Za-z]+Error: tag b (answers|has)/);
      registry.clearRequests();
      assert.deepEqual(await list(), ["a", "b"]);
      assert.deepEqual(new Set(registry.requests.map((request) => request.status)), new Set([200]));
    });
  }
});
