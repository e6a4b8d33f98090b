import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { bufCurl } from "../support/buf-curl.ts";
import type { Image } from "../support/grpc-messages.ts";
import { type Peers, startPeers } from "./support/peers.ts";
import { missingTags, type Service, startReadyService, tagsOf } from "./support/service.ts";

/*
 * One world that stands still, and every question about it. `recommended` is last week's weekly, `latest_weekly` this
 * week's, and both are aliases of the prepull set.
 */
const world = new AsyncDisposableStack();
let peers: Peers;
let service: Service;

before(async () => {
  peers = world.use(await startPeers());
  fill(peers);
  const config = peers.config({
    images: { pin: ["latest_weekly"], aliasTags: ["latest_weekly"] },
    dropdownMenu: { weekly: { number: 2 }, daily: { number: 0 } },
  });
  service = world.use(await startReadyService(config));
});

after(() => world.disposeAsync());

function fill({ push, registry, setNode }: Peers): void {
  for (const tag of ["r29_0_0", "r28_0_0", "r30_0_0_rc1", "w_2077_43", "w_2077_42", "w_2077_41"]) push(tag);
  for (const tag of ["d_2077_10_23", "d_2077_10_22", "exp_w_2077_40_flame", "w_2077_43-arm64", "sketch"]) push(tag);
  push("recommended", "w_2077_42");
  push("latest_weekly", "w_2077_43");
  push("sketch_of_a_daily", "d_2077_10_22");
  push(`sha256-${"0".repeat(64)}`);
  registry.clearRequests();
  setNode("alder", ["w_2077_42", "w_2077_43", "r29_0_0", "d_2077_10_23"]);
  setNode("beech", ["w_2077_42", "r29_0_0"]);
  const taints = [{ key: "dedicated", value: "gpu", effect: "NoSchedule" }];
  setNode("elm", ["w_2077_42"], { spec: { taints } });
}

async function resolve(selector: Parameters<typeof service.client.call<"ResolveImage">>[1]): Promise<Image> {
  return (await service.client.call("ResolveImage", selector)).image;
}

describe("ResolveImage by class", { concurrency: true }, () => {
  const expected = { RECOMMENDED: "recommended", LATEST_RELEASE: "r29_0_0", LATEST_WEEKLY: "w_2077_43" };
  for (const [name, tag] of Object.entries({ ...expected, LATEST_DAILY: "d_2077_10_23" })) {
    test(`${name} is ${tag}, from the prepull set`, async () => {
      const image = await resolve({ imageClass: `IMAGE_CLASS_${name}` });
      assert.equal(image.tag, tag);
      assert.equal(image.pullReference, peers.pullReference(tag));
    });
  }

  test("the recommended image is described as what it stands for", async () => {
    const image = await resolve({ imageClass: "IMAGE_CLASS_RECOMMENDED" });
    assert.equal(image.displayName, "Recommended (Weekly 2077_42)");
    assert.equal(image.imageType, "IMAGE_TYPE_ALIAS");
    assert.equal(image.aliasTarget, "w_2077_42");
    assert.deepEqual(image.aliases, []);
    assert.deepEqual(image.nodes, ["alder", "beech", "elm"]);
    assert.equal(image.prepulled, true);
    assert.equal(image.sizeBytes, 4_000_000_000);
  });
});

describe("ResolveImage by tag", { concurrency: true }, () => {
  test("a tag of the prepull set is answered without the registry", async () => {
    const image = await resolve({ tag: "w_2077_42" });
    assert.equal(image.digest, peers.pullReference("w_2077_42").split("@")[1]);
    assert.deepEqual(image.aliases, ["recommended"]);
    const heads = peers.registry.requests.filter(({ path }) => path.endsWith("/manifests/w_2077_42"));
    assert.equal(heads.length, 1, "once, by the refresh");
  });

  test("any other tag is asked for at the registry each time, and joins the images of its digest", async () => {
    const image = await resolve({ tag: "sketch_of_a_daily" });
    assert.equal(image.pullReference, peers.pullReference("sketch_of_a_daily"));
    assert.equal(image.imageType, "IMAGE_TYPE_UNKNOWN");
    await resolve({ tag: "sketch_of_a_daily" });
    const heads = peers.registry.requests.filter(({ path }) => path.endsWith("/manifests/sketch_of_a_daily"));
    assert.equal(heads.length, 2);
  });

  test("an image of one architecture is found, although no list shows it", async () => {
    assert.equal((await resolve({ tag: "w_2077_43-arm64" })).architecture, "arm64");
  });

  test("an empty tag is no argument", async () => {
    await assert.rejects(resolve({ tag: "" }), { code: "INVALID_ARGUMENT", reason: "INVALID_ARGUMENT" });
  });

  for (const tag of ["w_1999_01", `sha256-${"0".repeat(64)}`]) {
    test(`there is no image of the tag '${tag.slice(0, 12)}'`, async () => {
      await assert.rejects(resolve({ tag }), { code: "NOT_FOUND", reason: "UNKNOWN_IMAGE" });
    });
  }
});

describe("ResolveImage by reference", { concurrency: true }, () => {
  const unknownDigest = `sha256:${"ab".repeat(32)}`;

  test("a tag alone is looked up as a tag", async () => {
    assert.equal((await resolve({ reference: peers.reference("r28_0_0") })).tag, "r28_0_0");
  });

  test("a known digest is the primary image of its group, whatever tag is named", async () => {
    const digest = peers.pullReference("w_2077_42").split("@")[1];
    for (const reference of [`${peers.place}@${digest}`, `${peers.reference("r29_0_0")}@${digest}`]) {
      assert.equal((await resolve({ reference })).tag, "w_2077_42");
    }
  });

  test("an unknown digest with a known tag is that tag with the digest asked for", async () => {
    const image = await resolve({ reference: `${peers.reference("recommended")}@${unknownDigest}` });
    assert.equal(image.tag, "recommended");
    assert.equal(image.digest, unknownDigest);
    assert.equal(image.aliasTarget, "");
    assert.deepEqual(image.nodes, []);
  });

  test("what is not ours, or known by neither, is unknown", async () => {
    const others = [`${peers.place}@${unknownDigest}`, `${peers.reference("nothing")}@${unknownDigest}`];
    for (const reference of [...others, "quay.io/lab/sketchbook:recommended", `${peers.place}/more:recommended`]) {
      await assert.rejects(resolve({ reference }), { code: "NOT_FOUND", reason: "UNKNOWN_IMAGE" }, reference);
    }
  });

  test("what is no reference, or names no image, is refused", async () => {
    for (const reference of ["", "sketchbook", `${peers.place}:`, `${peers.place}:a b`, peers.place]) {
      const refusal = { code: "INVALID_ARGUMENT", reason: "INVALID_REFERENCE", fields: ["reference"] };
      await assert.rejects(resolve({ reference }), refusal, reference);
    }
  });

  test("exactly one selector is needed", async () => {
    await assert.rejects(resolve({}), { code: "INVALID_ARGUMENT", fields: ["selector"] });
    await assert.rejects(resolve({ imageClass: "IMAGE_CLASS_UNSPECIFIED" }), { fields: ["image_class"] });
  });
});

describe("the lists", { concurrency: true }, () => {
  test("ListImages has every image in display order, and the classes", async () => {
    const { images, ...answer } = await service.client.call("ListImages", {});
    const aliases = ["recommended", "latest_weekly"];
    const releases = ["r29_0_0", "r28_0_0"];
    const weeklies = ["w_2077_43", "w_2077_42", "w_2077_41"];
    const dailies = ["d_2077_10_23", "d_2077_10_22"];
    const others = ["r30_0_0_rc1", "exp_w_2077_40_flame", "sketch_of_a_daily", "sketch"];
    assert.deepEqual(tagsOf(images), [...aliases, ...releases, ...weeklies, ...dailies, ...others]);
    const classes = [answer.recommended, answer.latestRelease, answer.latestWeekly, answer.latestDaily];
    assert.deepEqual(
      classes.map((image) => image?.tag),
      ["recommended", "r29_0_0", "w_2077_43", "d_2077_10_23"],
    );
    assert.ok(images.every(({ nodes }) => nodes.length === 0));
  });

  test("GetMenu has what is prepulled, and in the dropdown what its filter lets through", async () => {
    const { menu, dropdown } = await service.client.call("GetMenu", {});
    assert.deepEqual(
      menu.map(({ reference, name }) => ({ reference, name })),
      [
        { reference: peers.pullReference("recommended"), name: "Recommended (Weekly 2077_42)" },
        { reference: peers.pullReference("r29_0_0"), name: "Release r29.0.0" },
      ],
    );
    assert.deepEqual(
      menu.map(({ tag, source, prepulled, nodesReady, nodesTotal }) => [
        tag,
        source,
        prepulled,
        nodesReady,
        nodesTotal,
      ]),
      [
        ["recommended", "default", true, 2, 2],
        ["r29_0_0", "default", true, 2, 2],
      ],
    );
    const names = dropdown.map(({ name }) => name);
    assert.deepEqual(names.slice(0, 6), [
      "Recommended (Weekly 2077_42)",
      "Latest Weekly (Weekly 2077_43)",
      "Release r29.0.0",
      "Release r28.0.0",
      "Weekly 2077_43",
      "Weekly 2077_42",
    ]);
    assert.ok(!names.some((name) => name.startsWith("Daily")));
  });

  test("ListMissingImages has what eligible nodes lack, one image a digest", async () => {
    assert.deepEqual(await missingTags(service), { beech: ["w_2077_43", "d_2077_10_23"] });
    const { nodes } = await service.client.call("ListMissingImages", { node: "alder" });
    assert.deepEqual(nodes, []);
  });

  test("GetPrepullStatus has the policy, the sources, the images and the nodes", async () => {
    const { status } = await service.client.call("GetPrepullStatus", {});
    assert.equal(status.config?.recommendedTag, "recommended");
    assert.deepEqual(
      status.sources.map(({ name, ok }) => [name, ok]),
      [
        ["registry", true],
        ["kubernetes", true],
      ],
    );
    assert.deepEqual(tagsOf(status.prepulled.map(({ image }) => image)), ["r29_0_0", "w_2077_42"]);
    const pending = status.pending.map(({ image, nodes, missing }) => [image.tag, nodes, missing]);
    assert.deepEqual(pending, [
      ["w_2077_43", ["alder"], ["beech"]],
      ["d_2077_10_23", ["alder"], ["beech"]],
    ]);
    const nodes = status.nodes.map(({ name, eligible, comment }) => [name, eligible, comment]);
    assert.deepEqual(nodes, [
      ["alder", true, ""],
      ["beech", true, ""],
      ["elm", false, "Node is tainted (NoSchedule, dedicated = gpu)"],
    ]);
    assert.deepEqual(status.nodes[1]?.cached, [peers.reference("r29_0_0"), peers.reference("w_2077_42")]);
  });

  test("every answer names the same snapshot", async () => {
    const { client } = service;
    const calls = [client.call("ListImages", {}), client.call("GetMenu", {}), client.call("ListMissingImages", {})];
    const states = (await Promise.all(calls)).map(({ state }) => `${state.epoch} ${state.generation} ${state.stale}`);
    assert.equal(new Set(states).size, 1);
    assert.match(states[0] ?? "", /^[0-9a-f-]{36} \d+ false$/);
  });
});

describe("what reflection returns is enough for a client without the contract", { concurrency: true }, () => {
  test("buf curl gets the menu", async () => {
    const { message } = await bufCurl(service.grpc, "GetMenu");
    const { menu } = message as { menu: { name: string }[] };
    assert.equal(menu[0]?.name, "Recommended (Weekly 2077_42)");
  });

  test("buf curl gets the failure with its reason", async () => {
    const { failure } = await bufCurl(service.grpc, "ResolveImage", { tag: "nothing" });
    assert.deepEqual([failure?.code, failure?.reason], ["not_found", "UNKNOWN_IMAGE"]);
  });
});
