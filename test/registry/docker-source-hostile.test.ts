import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createGzip, gzipSync } from "node:zlib";
import { REPOSITORY, registryWith } from "./source-under-test.ts";
import { answering, type Intercept, isUnavailable, sourceWithFaults } from "./source-with-faults.ts";

describe("pages that lead astray (R3)", () => {
  it("are refused when they hold too many tags or bytes", async (context) => {
    const many = await sourceWithFaults(context, { limits: { maxTags: 50 } });
    for (let index = 0; index < 51; index += 1) many.registry.push(REPOSITORY, `w_${index}`);
    await assert.rejects(many.list(), isUnavailable(/lists more than 50 tags; the rest is not read$/));
    const page = await sourceWithFaults(context, { limits: { maxPageBytes: 30 } });
    await assert.rejects(page.list(), isUnavailable(/answers with more than 30 bytes/));
    const all = await sourceWithFaults(context, { limits: { maxListBytes: 60 } });
    all.registry.behaviour.pageSize = 1;
    await assert.rejects(all.list(), isUnavailable(/lists tags in more than 60 bytes; the rest is not read$/));
  });

  it("are followed when a redirect stays inside the origin, and not beyond", async (context) => {
    const { registry, list } = await sourceWithFaults(context);
    const stranger = await registryWith(context, []);
    const redirecting =
      (location: string, status = 307): Intercept =>
      (request, response) => {
        if (request.url?.includes("moved") === true && !location.includes("loop")) return false;
        response.writeHead(status, location === "" ? {} : { location }).end();
        return true;
      };
    registry.behaviour.intercept = redirecting(`/v2/${REPOSITORY}/tags/list?moved`);
    assert.deepEqual(await list(), ["a", "b"]);
    const cases: [string, RegExp][] = [
      [`${stranger.url}/v2/`, /redirects to another origin, 127.0.0.1:\d+; it is not followed/],
      [`https://${registry.host}/v2/`, /redirects to another origin/],
      [`http://user:canary@${registry.host}/v2/moved`, /redirects to another origin/],
      ["http://[", /redirects to nowhere/],
      ["", /redirects to nowhere/],
      ["/loop", /redirects more than 5 times/],
    ];
    for (const [location, pattern] of cases) {
      registry.behaviour.intercept = redirecting(location);
      await assert.rejects(list(), isUnavailable(pattern));
    }
    assert.equal(stranger.requests.length, 0);
  });
});

describe("compressed answers (R6)", () => {
  const body = JSON.stringify({ name: REPOSITORY, tags: ["a", "b"] });

  it("are not asked for, and inflated within bounds all the same", async (context) => {
    const { registry, list } = await sourceWithFaults(context);
    registry.behaviour.intercept = answering(200, { "content-encoding": "gzip" }, gzipSync(body));
    assert.deepEqual(await list(), ["a", "b"]);
    assert.equal(registry.requests[0]?.headers.get("accept-encoding"), "identity");
    registry.behaviour.intercept = answering(200, { "content-encoding": "zstd" }, "canary");
    await assert.rejects(list(), isUnavailable(/answers in an encoding that was not asked for/));
    registry.behaviour.intercept = answering(200, { "content-encoding": "br" }, "canary");
    await assert.rejects(list(), isUnavailable(/breaks off its answer \(/));
    registry.behaviour.intercept = answering(200, { "content-encoding": "deflate" }, "canary");
    await assert.rejects(list(), isUnavailable(/breaks off its answer \(Z_|a list of tags was expected$/));
  });

  it("that inflate to a thousand times their size are stopped by what comes out", async (context) => {
    const { registry, list } = await sourceWithFaults(context, { limits: { maxPageBytes: 1_000_000 } });
    registry.behaviour.intercept = (_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip" });
      const bomb = createGzip({ level: 9 });
      bomb.pipe(response);
      const blanks = Buffer.alloc(1_000_000, " ");
      const feed = () => {
        if (!response.destroyed) bomb.write(blanks, feed);
      };
      feed();
      return true;
    };
    const before = process.memoryUsage().rss;
    await assert.rejects(list(), isUnavailable(/answers with more than 1000000 bytes/));
    assert.ok(process.memoryUsage().rss - before < 150_000_000);
    registry.behaviour.intercept = null;
    assert.deepEqual(await list(), ["a", "b"]);
  });
});
