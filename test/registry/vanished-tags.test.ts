import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { recordLog } from "./log-recorder.ts";
import { REPOSITORY, registryWith, sourceFor, unhurried } from "./source-under-test.ts";
import { isUnavailable } from "./source-with-faults.ts";

const WANTED = ["d_1", "r_1", "recommended", "w_1", "w_2", "w_3"];
const OTHERS = ["exp_1", "exp_2", "x"];

/** A source on a registry that holds the wanted tags and some more; `lists` counts what was asked without `last`. */
async function startRegistry(context: TestContext) {
  const registry = await registryWith(context, [...WANTED, ...OTHERS]);
  const log = recordLog();
  const source = sourceFor(context, { registry: registry.host, logger: log });
  const list = async () => (await source.listTags(unhurried, WANTED)).map(({ tag }) => tag);
  const lists = () => registry.requests.filter(({ path }) => /list(?:\?n=1000)?$/.test(path)).length;
  /** Lets the next answers to listings hold these tags alone, in turn. */
  function answerLists(...answers: readonly (readonly string[])[]): void {
    const queue = answers.map((tags) => JSON.stringify({ name: REPOSITORY, tags }));
    registry.behaviour.intercept = (request, response) => {
      if (request.url?.includes("/tags/list") !== true) return false;
      if (request.url.includes("last=")) {
        response.end(JSON.stringify({ name: REPOSITORY, tags: [] }));
        return true;
      }
      const body = queue.shift();
      if (body === undefined) return false;
      response.setHeader("content-type", "application/json").end(body);
      return true;
    };
  }
  return { registry, source, log, list, lists, answerLists };
}

describe("a list that loses most of the prepull set (F2, F23)", () => {
  it("F23: is read again, and the second list counts", async (context) => {
    const { list, lists, answerLists, log } = await startRegistry(context);
    answerLists(["d_1", "r_1", "recommended"]);
    assert.deepEqual(
      await list(),
      [...WANTED, ...OTHERS].sort((a, b) => a.localeCompare(b)),
    );
    assert.equal(lists(), 2);
    assert.match(log.lines.join(), /"tags":"w_1, w_2, w_3","message":"the list lacks most tags .* listing again"/);
  });

  it("F23: is not doubted where less than half is missing", async (context) => {
    const { list, lists, answerLists, log } = await startRegistry(context);
    answerLists(["d_1", "r_1", "recommended", "w_1"]);
    assert.deepEqual(await list(), ["d_1", "r_1", "recommended", "w_1"]);
    assert.equal(lists(), 1);
    assert.deepEqual(log.lines, []);
  });

  it("F23: fails where the registry still has what it does not list", async (context) => {
    const { list, registry, answerLists } = await startRegistry(context);
    const cut = OTHERS;
    answerLists(cut, cut);
    await assert.rejects(
      list(),
      isUnavailable(
        /lists 3 tags without d_1, r_1, recommended, w_1, w_2 and 1 more, which it has: the list may be cut$/,
      ),
    );
    // Two are left, the others are proven to be gone: that is no whole list either.
    for (const tag of ["d_1", "r_1", "recommended", "w_1"]) registry.remove(REPOSITORY, tag);
    answerLists(cut, cut);
    await assert.rejects(list(), isUnavailable(/lists 3 tags without w_2, w_3, which it has/));
  });

  it("F23: is taken where all that is missing is proven to be gone, and the log names it", async (context) => {
    const { list, registry, log, lists } = await startRegistry(context);
    for (const tag of WANTED) registry.remove(REPOSITORY, tag);
    assert.deepEqual(await list(), OTHERS);
    assert.equal(lists(), 2);
    assert.match(
      log.lines.at(-1) ?? "",
      /"tags":"d_1, r_1, recommended, w_1, w_2 and 1 more","message":".* are gone from the registry"/,
    );
  });

  it("F23: a repository that was emptied is empty, and one that was deleted is a failure", async (context) => {
    const { list, registry } = await startRegistry(context);
    for (const tag of [...WANTED, ...OTHERS]) registry.remove(REPOSITORY, tag);
    assert.deepEqual(await list(), []);
    registry.behaviour.intercept = (_request, response) => {
      response.writeHead(404, { "content-type": "application/json" }).end('{"errors":[{"code":"NAME_UNKNOWN"}]}');
      return true;
    };
    await assert.rejects(list(), isUnavailable(/has no repository lab\/sketchbook, or does not show it$/));
  });

  it("F23: an empty list is doubted at the start too", async (context) => {
    const { source, answerLists } = await startRegistry(context);
    answerLists([], []);
    assert.equal((await source.listTags(unhurried)).length, WANTED.length + OTHERS.length);
  });

  it("F2: most tags absent at once are asked for again, where they are still listed", async (context) => {
    const { source, registry, log, lists } = await startRegistry(context);
    const digest = (await source.resolveTags(WANTED, unhurried)).get("w_1")?.digest;
    assert.equal(lists(), 0);
    let refusals = 2 * WANTED.length;
    registry.behaviour.intercept = (request, response) => {
      if (request.url?.includes("/manifests/") !== true || refusals <= 0) return false;
      refusals -= 1;
      response.writeHead(404, { "content-type": "application/json" }).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
      return true;
    };
    const resolved = await source.resolveTags(WANTED, unhurried);
    assert.equal(resolved.size, WANTED.length);
    assert.equal(resolved.get("w_1")?.digest, digest);
    assert.equal(lists(), 1);
    assert.match(log.lines.join(), /"message":"most tags of the prepull set are gone: listing again"/);
    refusals = Number.POSITIVE_INFINITY;
    assert.equal((await source.resolveTags(WANTED, unhurried)).size, 0);
  });
});
