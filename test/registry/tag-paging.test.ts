import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, it, type TestContext } from "node:test";
import type { RegistryBehaviour } from "../../src/simulation/registry/oci-registry-routes.ts";
import { REPOSITORY, registryWith, sourceFor, unhurried } from "./source-under-test.ts";
import { isUnavailable } from "./source-with-faults.ts";

const LIST = `/v2/${REPOSITORY}/tags/list`;
const CUT = /does not show that these are all, since .+: the list may be cut$/;

const range = (length: number) => Array.from({ length }, (_, index) => `t${String(index).padStart(6, "0")}`);

/** A source on a registry with these tags; `asked` are the queries of its listings. */
async function listingFrom(context: TestContext, tags: readonly string[], behaviour: Partial<RegistryBehaviour> = {}) {
  const registry = await registryWith(context, tags, { behaviour: { pageSize: 1_000, ...behaviour } });
  const source = sourceFor(context, { registry: registry.host });
  const list = async () => (await source.listTags(unhurried)).map(({ tag }) => tag);
  const asked = () => registry.requests.map(({ path }) => decodeURIComponent(path.replace(LIST, "")));
  return { registry, list, asked };
}

/** What a registry answers for each query of its list: names and the query of its Link, or a status. */
type Pages = Readonly<Record<string, number | { readonly tags: readonly string[] | null; readonly link?: string }>>;

/** Lets a registry answer from a table; what the table lacks is a 404. */
async function tableOf(context: TestContext, pages: Pages) {
  const { registry, list, asked } = await listingFrom(context, []);
  registry.behaviour.intercept = (request, response) => sendPage(response, pages[query(request.url)] ?? 404);
  return { registry, list, asked };
}

function query(url = ""): string {
  return decodeURIComponent(url.replace(LIST, ""));
}

function sendPage(response: ServerResponse, page: Pages[string]): boolean {
  if (typeof page === "number") response.writeHead(page, { "content-type": "application/json" }).end('{"errors":[]}');
  else {
    if (page.link !== undefined) response.setHeader("link", `<${page.link}>; rel="next"`);
    response.setHeader("content-type", "application/json").end(JSON.stringify({ name: REPOSITORY, tags: page.tags }));
  }
  return true;
}

describe("a page without Link is not the end (F3)", () => {
  it("F3: a list in one page costs two requests: the list, and what follows its last name", async (context) => {
    const { list, asked } = await listingFrom(context, range(7));
    assert.deepEqual(await list(), range(7));
    assert.deepEqual(asked(), ["?n=1000", "?n=1000&last=t000006"]);
  });

  it("F3: a registry that keeps to `n` and sends no Link is asked on with `last`", async (context) => {
    const { list, asked } = await listingFrom(context, range(1_505), { link: "none" });
    assert.deepEqual(await list(), range(1_505));
    assert.deepEqual(asked(), ["?n=1000", "?n=1000&last=t000999", "?n=1000&last=t001504"]);
  });

  it("F3: so is one that cuts at 100, whatever is asked for", async (context) => {
    const { list, asked } = await listingFrom(context, range(250), { link: "none", pageSize: 100 });
    assert.deepEqual(await list(), range(250));
    assert.equal(asked().length, 4);
  });

  for (const last of ["ignored", "refused"] as const) {
    it(`F3: where \`last\` is ${last} the list comes without \`n\``, async (context) => {
      const { list, asked } = await listingFrom(context, range(1_505), { link: "none", last, unsized: "all" });
      assert.deepEqual(await list(), range(1_505));
      assert.deepEqual(asked(), ["?n=1000", "?n=1000&last=t000999", ""]);
    });

    it(`F3: where \`last\` is ${last} and it comes no longer without \`n\`, the source says that it may be cut`, async (context) => {
      for (const pageSize of [100, 1_000]) {
        const { list } = await listingFrom(context, range(1_505), { link: "none", last, pageSize });
        await assert.rejects(list(), isUnavailable(CUT));
      }
    });

    it(`F3: where \`last\` is ${last}, pages with Links are believed, and lists too short to be cut`, async (context) => {
      for (const size of [1, 7, 99, 101]) {
        const { list } = await listingFrom(context, range(size), { link: "none", last });
        assert.deepEqual(await list(), range(size));
      }
      // A Link that is an opaque cursor, beside a `last` that means nothing.
      const first = { tags: range(50), link: "?next_page=abc" };
      const { list, asked } = await tableOf(context, {
        "?n=1000": first,
        "?next_page=abc": { tags: ["x", "y"] },
        "?n=1000&last=y": last === "ignored" ? first : 400,
      });
      assert.deepEqual(await list(), [...range(50), "x", "y"]);
      assert.equal(asked().length, 3);
    });
  }

  it("F3: 100 tags are all where half of them come with a Link, or where nothing is ever cut", async (context) => {
    const linking = await listingFrom(context, range(100), { last: "ignored" });
    assert.deepEqual(await linking.list(), range(100));
    const page = { tags: range(100) };
    const fixed = await tableOf(context, { "?n=1000": page, "?n=1000&last=t000099": page, "": page, "?n=50": page });
    assert.deepEqual(await fixed.list(), range(100));
  });

  it("F3: an error where the end was to be shown is no end", async (context) => {
    const { registry, list } = await listingFrom(context, range(1_505), { link: "none", unsized: "all" });
    registry.behaviour.intercept = (request, response) =>
      query(request.url).includes("last=") && sendPage(response, 500);
    assert.deepEqual(await list(), range(1_505));
    registry.behaviour.unsized = "page";
    await assert.rejects(list(), isUnavailable(CUT));
  });

  it("F3: a registry that begins with `last` itself, and one that repeats tags, are read to the end", async (context) => {
    const repeating = await tableOf(context, {
      "?n=1000": { tags: ["a", "b", "a", "b"] },
      "?n=1000&last=b": { tags: ["b", "c"] },
      "?n=1000&last=c": { tags: ["c"] },
    });
    assert.deepEqual(await repeating.list(), ["a", "b", "c"]);
  });

  it("F3: names in another order than by code unit are read on in the registry's own", async (context) => {
    const pushed = range(150).reverse();
    const after = (name: string) => pushed.slice(pushed.indexOf(name) + 1, pushed.indexOf(name) + 101);
    const { registry, list } = await listingFrom(context, []);
    registry.behaviour.intercept = (request, response) => {
      const last = new URLSearchParams(query(request.url)).get("last");
      return sendPage(response, { tags: last === null ? pushed.slice(0, 100) : after(last) });
    };
    assert.deepEqual(await list(), pushed);
  });

  it("F3: where `last` goes by name and the list does not, what sorts before it is not lost", async (context) => {
    const pushed = [...range(49).reverse(), "zz", ...range(60).map((tag) => `a${tag}`)];
    const { registry, list } = await listingFrom(context, []);
    let unsized = pushed.length;
    registry.behaviour.intercept = (request, response) => {
      const parameters = new URLSearchParams(query(request.url));
      const last = parameters.get("last");
      const names = pushed.filter((name) => last === null || name > last);
      return sendPage(response, { tags: names.slice(0, Math.min(50, Number(parameters.get("n") ?? 0)) || unsized) });
    };
    assert.equal((await list()).length, pushed.length);
    unsized = 50;
    await assert.rejects(list(), isUnavailable(CUT));
  });

  it("F23: a list that is null once is not taken for an empty one", async (context) => {
    const { registry, list } = await listingFrom(context, ["a", "b"]);
    let answers = 0;
    registry.behaviour.intercept = (_request, response) => {
      answers += 1;
      return answers === 1 && sendPage(response, { tags: null });
    };
    assert.deepEqual(await list(), ["a", "b"]);
  });

  for (const status of [400, 405, 422]) {
    it(`F3: a page size that is refused with ${status} is left to the registry`, async (context) => {
      const { registry, list, asked } = await listingFrom(context, range(5), { pageSize: 2 });
      registry.behaviour.intercept = (request, response) =>
        query(request.url).startsWith("?n=1000") && sendPage(response, status);
      assert.deepEqual(await list(), range(5));
      assert.deepEqual(asked().slice(0, 2), ["?n=1000", ""]);
      assert.equal(asked().at(-1), "?last=t000004");
    });
  }
});

describe("only the query of a Link is used (F4)", () => {
  it("F4: whatever scheme, host and path it names", async (context) => {
    const stranger = await registryWith(context, []);
    const { registry, list, asked } = await listingFrom(context, range(3));
    const targets = [
      `http://user:canary@${registry.host}${LIST}`,
      `https://${registry.host}${LIST}`,
      `${stranger.url}${LIST}`,
      `//${stranger.host}/v2/`,
      "/v2/sketchbook/tags/list",
      "/artifactory/api/docker/lab/v2/sketchbook/tags/list",
      "file:///etc/passwd",
      "http://[",
      "",
    ];
    for (const target of targets) {
      registry.clearRequests();
      registry.behaviour.intercept = (request, response) =>
        query(request.url) === "?n=1000" &&
        sendPage(response, { tags: ["t000000"], link: `${target}?last=t000000&n=9` });
      assert.deepEqual(await list(), range(3));
      assert.deepEqual(asked(), ["?n=1000", "?last=t000000&n=9", "?n=1000&last=t000002"]);
    }
    assert.equal(stranger.requests.length, 0);
  });

  it("F4: a numeric `last` is followed as it is", async (context) => {
    const { list } = await tableOf(context, {
      "?n=1000": { tags: ["a", "b"], link: "/v2/x/tags/list?last=2&n=1000" },
      "?last=2&n=1000": { tags: ["c"] },
      "?n=1000&last=c": 404,
    });
    assert.deepEqual(await list(), ["a", "b", "c"]);
  });

  it("F4: where its page is a 404 the list comes without `n`; else the error is one of that page", async (context) => {
    const first = { tags: ["a", "b"], link: "/v2/x/tags/list?last=2&n=1000" };
    const { list } = await tableOf(context, { "?n=1000": first, "": { tags: ["a", "b", "c"] } });
    assert.deepEqual(await list(), ["a", "b", "c"]);
    const empty = { "?n=1000&last=b": { tags: [] } };
    const whole = await tableOf(context, { "?n=1000": first, ...empty, "": { tags: ["a", "b", "c"] } });
    assert.deepEqual(await whole.list(), ["a", "b", "c"]);
    for (const rest of [{}, empty, { "": first }]) {
      const broken = await tableOf(context, { "?n=1000": first, ...rest });
      await assert.rejects(broken.list(), isUnavailable(/answers 404 for page 2: the list may be cut$/));
    }
  });

  it("F4: a later page that fails is named", async (context) => {
    const { registry, list } = await listingFrom(context, range(3), { pageSize: 2 });
    registry.behaviour.intercept = (request, response) =>
      query(request.url).includes("last=t000001") && sendPage(response, 500);
    await assert.rejects(list(), isUnavailable(/^page 2 of the list of tags: 127\.0\.0\.1:\d+ answers 500$/));
  });
});

describe("pages without end (F5)", () => {
  it("F5: a cursor that moves over the same page ends with the first page without a new tag", async (context) => {
    const { registry, list, asked } = await listingFrom(context, []);
    let cursor = 0;
    registry.behaviour.intercept = (_request, response) => {
      cursor += 1;
      return sendPage(response, { tags: ["a", "b"], link: `?cursor=${cursor}` });
    };
    await assert.rejects(list(), isUnavailable(/pagination loop: the list may be cut$/));
    assert.ok(asked().length <= 6, `${asked().length} requests`);
  });

  it("F5: so do pages that lead back to the first one, and a Link to the page that it stands on", async (context) => {
    const { list, asked } = await tableOf(context, {
      "?n=1000": { tags: ["a"], link: "?page=2" },
      "?page=2": { tags: ["b"], link: "?n=1000" },
      "": { tags: ["a"], link: "?page=2" },
    });
    await assert.rejects(list(), isUnavailable(/pagination loop: the list may be cut$/));
    assert.ok(asked().length <= 6, `${asked().length} requests`);
    const same = { tags: ["a"], link: "?n=1000" };
    const endless = await tableOf(context, { "?n=1000": same, "?n=1000&last=a": { tags: [], link: "?n=1000" } });
    assert.deepEqual(await endless.list(), ["a"]);
  });

  it("F5: pages without any tag are followed for a while", async (context) => {
    const { list } = await tableOf(context, {
      "?n=1000": { tags: [], link: "?page=2" },
      "?page=2": { tags: ["a"], link: "?page=3" },
      "?page=3": { tags: null, link: "?page=4" },
      "?page=4": { tags: [], link: "?page=5" },
      "?page=5": { tags: ["b"] },
      "?n=1000&last=b": { tags: [] },
    });
    assert.deepEqual(await list(), ["a", "b"]);
    const { registry, list: listEmpty, asked } = await listingFrom(context, []);
    let page = 0;
    registry.behaviour.intercept = (_request, response) => {
      page += 1;
      return sendPage(response, { tags: [], link: `?page=${page}` });
    };
    await assert.rejects(listEmpty(), isUnavailable(/its pages go on without any tag: the list may be cut$/));
    assert.ok(asked().length <= 20, `${asked().length} requests`);
  });

  it("F5: new tags page after page are read up to the limits", async (context) => {
    const { registry } = await listingFrom(context, []);
    const source = sourceFor(context, { registry: registry.host, limits: { maxPages: 20 } });
    let page = 0;
    registry.behaviour.intercept = (_request, response) => {
      page += 1;
      return sendPage(response, { tags: [`t${page}`], link: `?page=${page}` });
    };
    await assert.rejects(
      source.listTags(unhurried),
      isUnavailable(/list of tags in more than 20 pages; the rest is not read$/),
    );
    assert.equal(registry.requests.length, 20);
  });

  it("F5: a page of signatures alone is one with new names", async (context) => {
    const signature = `sha256-${"ab".repeat(32)}.sig`;
    const { list } = await tableOf(context, {
      "?n=1000": { tags: [signature], link: "?page=2" },
      "?page=2": { tags: ["a"] },
      "?n=1000&last=a": { tags: [] },
    });
    assert.deepEqual(await list(), ["a"]);
  });
});
