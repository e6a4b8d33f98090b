import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RegistryUnavailableError } from "../../src/domain/errors.ts";
import { orAborted } from "../../src/lib/abort.ts";
import { createTagLookup } from "../../src/registry/oci/tag-lookup.ts";
import { eventually } from "../support/eventually.ts";
import { REPOSITORY, registryWith, sourceFor, unhurried } from "./source-under-test.ts";

const tagNames = (tags: readonly { readonly tag: string }[]) => tags.map(({ tag }) => tag);
const range = (length: number) => Array.from({ length }, (_, index) => `t${String(index).padStart(6, "0")}`);

describe("listing tags", () => {
  it("follows pages by relative and by absolute links, and reports neither digest nor size", async (context) => {
    const registry = await registryWith(context, range(25), { behaviour: { pageSize: 10 } });
    const source = sourceFor(context, { registry: registry.host });
    assert.deepEqual([source.registry, source.repository], [registry.host, REPOSITORY]);
    const tags = await source.listTags(unhurried);
    assert.deepEqual(tagNames(tags), range(25));
    assert.deepEqual(tags[0], { tag: "t000000", digest: null, sizeBytes: null });
    registry.behaviour.link = "absolute";
    assert.deepEqual(tagNames(await source.listTags(unhurried)), range(25));
    assert.equal(registry.requests.length, 8);
  });

  it("takes null and an empty list for no tags", async (context) => {
    const registry = await registryWith(context, ["gone"]);
    registry.remove(REPOSITORY, "gone");
    const source = sourceFor(context, { registry: registry.host });
    for (const emptyTags of ["list", "null"] as const) {
      registry.behaviour.emptyTags = emptyTags;
      assert.deepEqual(await source.listTags(unhurried), []);
    }
  });

  it("says so where there is no such repository", async (context) => {
    const registry = await registryWith(context, []);
    const source = sourceFor(context, { registry: registry.host });
    await assert.rejects(source.listTags(unhurried), /RegistryUnavailableError: .* has no repository lab\/sketchbook/);
  });

  it("keeps names that objects have, gives each tag once, and drops what is no runnable image (R5)", async (context) => {
    const registry = await registryWith(context, []);
    const hex = "ab".repeat(32);
    const listed = ["__proto__", "constructor", "hasOwnProperty", "w_1", "w_1", "a".repeat(128), "a".repeat(129)];
    const junk = ["", "-x", "ä", "a/b", "a b", `sha256-${hex}`, `sha256-${hex}.sig`];
    registry.behaviour.intercept = (_request, response) => {
      response.end(JSON.stringify({ name: REPOSITORY, tags: [...listed, ...junk] }));
      return true;
    };
    const source = sourceFor(context, { registry: registry.host });
    assert.deepEqual(tagNames(await source.listTags(unhurried)), [
      "__proto__",
      "constructor",
      "hasOwnProperty",
      "w_1",
      "a".repeat(128),
    ]);
  });

  it("lists 200,000 tags, in one page and in many (R5)", async (context) => {
    const tags = range(200_000).map((tag) => tag.padEnd(128, "x"));
    const registry = await registryWith(context, tags, { behaviour: { pageSize: 1_000 } });
    const source = sourceFor(context, { registry: registry.host, limits: { requestTimeoutMs: 30_000 } });
    const heapBefore = process.memoryUsage().heapUsed;
    const listed = await source.listTags(unhurried);
    assert.equal(listed.length, 200_000);
    assert.equal(listed.at(-1)?.tag, tags.at(-1));
    assert.ok(process.memoryUsage().heapUsed - heapBefore < 300_000_000);
    registry.behaviour.intercept = (_request, response) => {
      response.end(JSON.stringify({ name: REPOSITORY, tags }));
      return true;
    };
    assert.equal((await source.listTags(unhurried)).length, 200_000);
  });

  it("lets a registry that refuses the page size choose its own", async (context) => {
    const registry = await registryWith(context, range(3), { behaviour: { pageSize: 2 } });
    registry.behaviour.intercept = (request, response) => {
      if (request.url?.endsWith("?n=1000") !== true) return false;
      response
        .writeHead(400, { "content-type": "application/json" })
        .end('{"errors":[{"code":"PAGINATION_NUMBER_INVALID"}]}');
      return true;
    };
    const source = sourceFor(context, { registry: registry.host });
    assert.deepEqual(tagNames(await source.listTags(unhurried)), range(3));
  });
});

describe("resolving digests", () => {
  it("gives every tag its digest, of all four kinds of manifest", async (context) => {
    const registry = await registryWith(context, []);
    const expected = new Map<string, string>();
    for (const kind of ["oci-manifest", "oci-index", "docker-manifest", "docker-list"] as const) {
      expected.set(kind, registry.push(REPOSITORY, kind, { kind }));
    }
    const source = sourceFor(context, { registry: registry.host });
    const resolved = await source.resolveTags([...expected.keys(), "oci-index"], unhurried);
    for (const [tag, digest] of expected) assert.deepEqual(resolved.get(tag), { tag, digest, sizeBytes: null });
    assert.deepEqual(
      registry.requests.map(({ method }) => method),
      ["HEAD", "HEAD", "HEAD", "HEAD"],
    );
  });

  it("falls back to GET and a hash where HEAD sends no digest, or none of the form (R4)", async (context) => {
    const registry = await registryWith(context, []);
    const digest = registry.push(REPOSITORY, "w_2077_43", { kind: "oci-index" });
    const source = sourceFor(context, { registry: registry.host });
    for (const headDigest of ["missing", { wrong: "md5:0" }, { wrong: digest.toUpperCase() }] as const) {
      registry.behaviour.headDigest = headDigest;
      assert.equal((await source.resolveTags(["w_2077_43"], unhurried)).get("w_2077_43")?.digest, digest);
    }
    assert.equal(registry.requests.filter(({ method }) => method === "GET").length, 3);
  });

  it("falls back to GET where the registry has no HEAD, and checks the digest that it sends", async (context) => {
    const registry = await registryWith(context, []);
    const digest = registry.push(REPOSITORY, "w", {});
    const lie = `sha256:${"0".repeat(64)}`;
    let told: string | null = null;
    let type = "application/vnd.oci.image.manifest.v1+json";
    let bytes = "";
    registry.behaviour.intercept = (request, response) => {
      if (request.method === "HEAD") {
        response.writeHead(405).end();
        return true;
      }
      if (bytes === "") return false;
      if (told !== null) response.setHeader("docker-content-digest", told);
      response.writeHead(200, { "content-type": type }).end(bytes);
      return true;
    };
    const source = sourceFor(context, { registry: registry.host });
    const tag = async () => (await source.resolveTags(["w"], unhurried)).get("w");
    const resolve = async () => (await tag())?.digest;
    assert.equal(await resolve(), digest);
    bytes = "{}";
    told = `sha512:27c74670adb75075fad058d5ceaf7b20c4e7786c83bae8a32f626f9782af34c9a33c2046ef60fd2a7878d378e29fec851806bbd9a67878f3a9f1cda4830763fd`;
    assert.equal(await resolve(), told);
    told = lie;
    assert.equal((await tag())?.fault, "has another digest than the registry reports");
    type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    assert.equal((await tag())?.fault, "has a manifest of schema 1");
  });

  it("leaves a vanished tag out, and leaves the others unharmed (R4)", async (context) => {
    const registry = await registryWith(context, ["a", "gone", "z"]);
    const source = sourceFor(context, { registry: registry.host });
    registry.remove(REPOSITORY, "gone");
    const resolved = await source.resolveTags(["a", "gone", "z", "../x", "sp ace"], unhurried);
    assert.deepEqual(
      [...resolved.keys()].sort((a, b) => a.localeCompare(b)),
      ["a", "z"],
    );
    assert.deepEqual(
      registry.requests.map(({ method }) => method).sort((a, b) => a.localeCompare(b)),
      ["GET", "HEAD", "HEAD", "HEAD"],
    );
  });

  it("does not take a proxy's 404 for the registry's word", async (context) => {
    const registry = await registryWith(context, ["a"]);
    const source = sourceFor(context, { registry: registry.host });
    for (const body of ["<html>not here</html>", '{"message":"no route"}', "null"]) {
      registry.behaviour.intercept = (_request, response) => {
        response.writeHead(404, { "content-type": "text/html" }).end(body);
        return true;
      };
      await assert.rejects(source.resolveTags(["a"], unhurried), /answers 404 where a manifest was expected/);
    }
    registry.behaviour.intercept = (request, response) => {
      if (request.url?.includes("/manifests/") !== true) return false;
      response.writeHead(404).end(request.method === "HEAD" ? "" : '{"errors":[{"code":"TAG_EXPIRED"}]}');
      return true;
    };
    assert.equal((await source.resolveTags(["a"], unhurried)).size, 0);
  });

  it("rejects the whole where one tag fails otherwise", async (context) => {
    const registry = await registryWith(context, ["a", "broken", "z"]);
    const source = sourceFor(context, { registry: registry.host });
    registry.behaviour.intercept = (request, response) => {
      if (request.url?.endsWith("broken") !== true) return false;
      response.writeHead(500).end();
      return true;
    };
    await assert.rejects(source.resolveTags(["a", "broken", "z"], unhurried), RegistryUnavailableError);
  });

  it("resolves 500 with bounded concurrency over reused connections, one request each (R7)", async (context) => {
    const tags = range(500);
    const registry = await registryWith(context, tags);
    const source = sourceFor(context, { registry: registry.host, limits: { concurrency: 6 } });
    await source.listTags(unhurried);
    const resolved = await source.resolveTags(tags, unhurried);
    assert.equal(resolved.size, 500);
    // One listing page is cut at 100 tags.
    assert.equal(registry.requests.filter(({ method }) => method === "HEAD").length, 500);
    assert.ok(registry.peakConcurrency <= 6, `${registry.peakConcurrency} at once`);
    assert.ok(registry.connections <= 6, `${registry.connections} connections`);
  });
});

describe("an operation", () => {
  it("ends with its signal's reason, before and while it runs", async (context) => {
    const registry = await registryWith(context, ["a"]);
    const source = sourceFor(context, { registry: registry.host });
    const reason = new Error("the caller has gone");
    await assert.rejects(source.listTags(AbortSignal.abort(reason)), reason);
    const controller = new AbortController();
    registry.behaviour.intercept = () => {
      controller.abort(reason);
      return true;
    };
    await assert.rejects(source.listTags(controller.signal), reason);
    await assert.rejects(source.resolveTags(["a"], controller.signal), reason);
  });

  it("is bounded as a whole", async (context) => {
    const registry = await registryWith(context, range(20), { behaviour: { pageSize: 1 } });
    registry.behaviour.intercept = () => true;
    const source = sourceFor(context, { registry: registry.host, limits: { operationTimeoutMs: 60 } });
    await assert.rejects(source.listTags(unhurried), /timed out after 0.06 s/);
  });

  it("ends when the source is closed, which then refuses", async (context) => {
    const registry = await registryWith(context, ["a"]);
    const source = sourceFor(context, { registry: registry.host });
    const arrived = Promise.withResolvers<void>();
    registry.behaviour.intercept = () => {
      arrived.resolve();
      return true;
    };
    const listing = assert.rejects(source.listTags(unhurried), /registry client has been closed/);
    await arrived.promise;
    await source.close();
    await listing;
    await assert.rejects(source.listTags(unhurried), /registry client has been closed/);
  });
});

describe("looking one tag up", () => {
  it("shares a request between callers, and caps how many tags are under way", async (context) => {
    const registry = await registryWith(context, ["a", "b", "c"]);
    const lookups = createTagLookup(sourceFor(context, { registry: registry.host }), { maxConcurrent: 2 });
    const look = (tag: string, signal = unhurried) => lookups.lookup(tag, "192.0.2.1", signal);
    const held: (() => void)[] = [];
    registry.behaviour.intercept = (_request, response) => {
      held.push(() => response.writeHead(503).end());
      return true;
    };
    const gone = new AbortController();
    const reason = new Error("the caller has gone");
    const answers = [look("a"), look("a"), look("b")];
    const aborted = assert.rejects(look("a", gone.signal), reason);
    await eventually(() => assert.equal(held.length, 2));
    await assert.rejects(look("c"), /^RegistryUnavailableError: 2 other tags are being looked up/);
    gone.abort(reason);
    await aborted;
    registry.behaviour.intercept = null;
    for (const answer of held) answer();
    const [first, second, third] = await Promise.all(answers);
    assert.equal(first, second);
    assert.equal(first?.tag, "a");
    assert.equal(third?.tag, "b");
    assert.equal(await look("gone"), null);
    assert.equal((await look("c"))?.tag, "c");
  });

  it("F60: a peer that takes all places gives them up one by one to another that has fewer", async () => {
    const turnedAway: string[] = [];
    const options = { maxConcurrent: 4, onLimit: (peer: string) => void turnedAway.push(peer) };
    const source = { lookUpTag: (_tag: string, signal: AbortSignal) => orAborted(new Promise<null>(() => {}), signal) };
    const lookups = createTagLookup(source, options);
    const over = new AbortController();
    const outcome = (tag: string, peer: string) => lookups.lookup(tag, peer, over.signal).catch(String);
    const greedy = ["a", "b", "c", "d"].map((tag) => outcome(tag, "192.0.2.1"));
    const oneTooMany = await outcome("e", "192.0.2.1");
    const modest = ["a", "b", "c"].map((tag) => outcome(tag, "192.0.2.2"));
    await Promise.all([greedy[0], greedy[1], modest[2]]);
    over.abort(new Error("over"));
    const refused = "RegistryUnavailableError: 4 other tags are being looked up at the registry; try again";
    assert.equal(oneTooMany, refused);
    assert.deepEqual(await Promise.all(greedy), [refused, refused, "Error: over", "Error: over"]);
    assert.deepEqual(await Promise.all(modest), ["Error: over", "Error: over", refused]);
    assert.deepEqual(turnedAway, ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"]);
  });
});
