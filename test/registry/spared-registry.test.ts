import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { CallFailure } from "../support/error-details.ts";
import { eventually } from "../support/eventually.ts";
import { startServiceOn } from "./service-on-source.ts";
import { REPOSITORY, registryWith } from "./source-under-test.ts";

const MANIFESTS = `/v2/${REPOSITORY}/manifests/`;
/** Different tags that may be looked up at one time. */
const MOST_LOOK_UPS = 32;

const prepullSet = ["recommended", "r26_0_0", "w_2077_43", "w_2077_42", "d_2077_10_23"];
const others = Array.from(
  { length: 250 },
  (_, index) => `w_${2000 + Math.floor(index / 50)}_${10 + (index % 40)}-x${index}`,
);

/** The whole service on a registry that holds many tags outside the prepull set, after its first refresh. */
async function startWorld(context: TestContext) {
  const registry = await registryWith(context, [...prepullSet, ...others]);
  const source = { type: "docker", registry: registry.host, repository: REPOSITORY };
  const service = await startServiceOn(context, { source });
  await service.serving();
  const asked = () => registry.requests.map(({ method, path }) => `${method} ${path.replace(/\?.*$/, "")}`);
  return { registry, ...service, asked };
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "OK";
  } catch (error) {
    if (error instanceof CallFailure) return error.reason;
    throw error;
  }
}

describe("the whole service spares the registry", () => {
  it("by asking for the pages of the listing, and for the digests of the prepull set alone", async (context) => {
    const { asked } = await startWorld(context);
    const list = `GET /v2/${REPOSITORY}/tags/list`;
    const [first, second, third, end, ...heads] = asked();
    assert.deepEqual([first, second, third, end], [list, list, list, list]);
    assert.equal(heads.length, prepullSet.length);
    assert.deepEqual(new Set(heads), new Set(prepullSet.map((tag) => `HEAD ${MANIFESTS}${tag}`)));
  });

  it("by one request for all who look up the same tag, and none for a tag that is not listed", async (context) => {
    const { registry, client, asked } = await startWorld(context);
    registry.clearRequests();
    const [tag = ""] = others;
    const held = Promise.withResolvers<void>();
    registry.behaviour.intercept = (_request, response) => {
      void held.promise.then(() => response.writeHead(503).end());
      registry.behaviour.intercept = null;
      return true;
    };
    const calls = Array.from({ length: 20 }, () => client.call("ResolveImage", { tag }));
    assert.equal(await codeOf(client.call("ResolveImage", { tag: "w_1999_01" })), "UNKNOWN_IMAGE");
    held.resolve();
    const digests = new Set((await Promise.all(calls)).map(({ image }) => image.digest));
    assert.equal(digests.size, 1);
    assert.deepEqual(asked(), [`HEAD ${MANIFESTS}${tag}`, `HEAD ${MANIFESTS}${tag}`]);
  });

  it("by turning look-ups away beyond a number of tags at one time", async (context) => {
    const { registry, client } = await startWorld(context);
    const held: (() => void)[] = [];
    registry.behaviour.intercept = (_request, response) => held.push(() => response.writeHead(503).end()) > 0;
    const calls = others.slice(0, MOST_LOOK_UPS + 5).map((tag) => codeOf(client.call("ResolveImage", { tag })));
    await eventually(async () => {
      const settled = await Promise.all(calls.map((call) => Promise.race([call, "held"])));
      assert.equal(settled.filter((code) => code === "REGISTRY_UNAVAILABLE").length, 5);
    });
    registry.behaviour.intercept = null;
    for (const answer of held) answer();
    const codes = await Promise.all(calls);
    assert.equal(codes.filter((code) => code === "OK").length, MOST_LOOK_UPS);
  });
});
