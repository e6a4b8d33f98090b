import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RegistryDeniedError, RegistryUnavailableError } from "../../../src/domain/errors.ts";
import { TAG_TYPES } from "../../../src/domain/tags/tag.ts";
import { ask, failure } from "../support/calls.ts";
import { fakeState, snapshotOf } from "../support/fake-state.ts";
import { digestOf, imageOf, REGISTRY, REPOSITORY, weeklies } from "../support/images.ts";
import { startServer } from "../support/running-server.ts";

describe("ResolveImage", () => {
  const full = imageOf("recommended", {
    wantedBy: ["default: alias recommended of default"],
    platforms: [{ os: "linux", architecture: "amd64" }],
    type: "ALIAS",
    displayName: "Recommended (Weekly 2077_43, SAL Cycle 0045)",
    aliases: ["latest_weekly", "w_2077_43_c0045.001"],
    aliasCount: 2,
    aliasTarget: "w_2077_43",
    architecture: "amd64",
    cycle: 45,
    date: Date.UTC(1969, 11, 31) + 1,
    prepulled: false,
    sizeBytes: 2 ** 40 + 1,
  });
  const bare = imageOf("exp_x", { type: "UNKNOWN", cycle: null, date: null, sizeBytes: null, digest: digestOf(9) });

  test("describes an image with all its fields and its nodes", async (context) => {
    const snapshot = snapshotOf(7, {
      images: [full, bare],
      recommended: full,
      nodesOf: { recommended: ["node-1", "node-2"] },
    });
    const { client } = await startServer(context, { state: fakeState(snapshot) });
    const { image, state } = await ask(client, client.ResolveImage, { imageClass: "IMAGE_CLASS_RECOMMENDED" });
    assert.deepEqual(image, {
      reference: full.reference,
      pullReference: full.pullReference,
      tag: "recommended",
      displayName: "Recommended (Weekly 2077_43, SAL Cycle 0045)",
      digest: digestOf(1),
      aliases: ["latest_weekly", "w_2077_43_c0045.001"],
      aliasCount: 2,
      aliasTarget: "w_2077_43",
      imageType: "IMAGE_TYPE_ALIAS",
      prepulled: false,
      sizeBytes: 2 ** 40 + 1,
      architecture: "amd64",
      cycle: 45,
      _cycle: "cycle",
      buildTime: { seconds: -86_400, nanos: 1_000_000 },
      nodes: ["node-1", "node-2"],
      source: "default",
      tagClass: "weekly",
      wanted: true,
      wantedBy: ["default: alias recommended of default"],
      platforms: ["linux/amd64"],
    });
    assert.deepEqual(state, {
      epoch: "epoch-1",
      generation: 7,
      refreshTime: { seconds: Date.UTC(2077, 9, 23, 12, 0, 7) / 1_000, nanos: 0 },
      stale: false,
      staleReason: "",
    });
  });

  test("leaves out what is not known", async (context) => {
    const { client } = await startServer(context, { state: fakeState(snapshotOf(1, { images: [bare] })) });
    const { image } = await ask(client, client.ResolveImage, { tag: "exp_x" });
    assert.equal(image?.cycle, undefined);
    assert.equal(image?.buildTime, null);
    assert.equal(image?.sizeBytes, 0);
    assert.deepEqual(image?.nodes, []);
  });

  test("has a name for every type of image", async (context) => {
    const images = TAG_TYPES.map((type) => imageOf(type.toLowerCase(), { type }));
    const { client } = await startServer(context, { state: fakeState(snapshotOf(1, { images })) });
    for (const type of TAG_TYPES) {
      const { image } = await ask(client, client.ResolveImage, { tag: type.toLowerCase() });
      assert.equal(image?.imageType, `IMAGE_TYPE_${type}`);
    }
  });

  test("finds by class, tag and reference", async (context) => {
    const images = [
      imageOf("w_1"),
      imageOf("d_1", { type: "DAILY" }),
      imageOf("r_1", { type: "RELEASE" }),
      imageOf("rec", { type: "ALIAS" }),
    ];
    const state = fakeState(snapshotOf(1, { images, ...(images[3] ? { recommended: images[3] } : {}) }));
    const { client } = await startServer(context, { state });
    const asked = [
      [{ imageClass: "IMAGE_CLASS_LATEST_WEEKLY" }, "w_1"],
      [{ imageClass: "IMAGE_CLASS_LATEST_DAILY" }, "d_1"],
      [{ imageClass: "IMAGE_CLASS_LATEST_RELEASE" }, "r_1"],
      [{ imageClass: "IMAGE_CLASS_RECOMMENDED" }, "rec"],
      [{ tag: "d_1" }, "d_1"],
      [{ reference: `${REGISTRY}/${REPOSITORY}:r_1` }, "r_1"],
    ] as const;
    for (const [request, tag] of [...asked, ...asked]) {
      assert.equal((await ask(client, client.ResolveImage, request)).image?.tag, tag);
    }
  });

  test("says UNKNOWN_IMAGE for what there is not, and names it", async (context) => {
    const { client } = await startServer(context, { state: fakeState(snapshotOf(1, { images: weeklies(2) })) });
    for (const request of [{ tag: "nope" }, { tag: "__proto__" }, { imageClass: "IMAGE_CLASS_RECOMMENDED" as const }]) {
      const told = await failure(ask(client, client.ResolveImage, request));
      assert.equal(told.code, "NOT_FOUND");
      assert.equal(told.reason, "UNKNOWN_IMAGE");
      assert.match(told.text, /\((?:tag nope|tag __proto__|class IMAGE_CLASS_RECOMMENDED)\)$/);
    }
  });

  test("asks the registry for a tag without digest, each time", async (context) => {
    const state = fakeState(snapshotOf(1, { images: [imageOf("old", { digest: null })] }));
    const asked: string[] = [];
    state.overrides.resolveAtRegistry = (_snapshot, { tag }) => {
      asked.push(tag);
      return Promise.resolve({ image: imageOf(tag, { digest: digestOf(asked.length) }), nodes: ["node-3"] });
    };
    const { client } = await startServer(context, { state });
    for (const time of [1, 2]) {
      const { image } = await ask(client, client.ResolveImage, { tag: "old" });
      assert.equal(image?.digest, digestOf(time));
      assert.deepEqual(image?.nodes, ["node-3"]);
    }
    assert.deepEqual(asked, ["old", "old"]);
  });

  test("reports why the registry could not say", async (context) => {
    const state = fakeState(snapshotOf(1, { images: [imageOf("old", { digest: null })] }));
    const { client } = await startServer(context, { state });
    state.overrides.resolveAtRegistry = () => Promise.reject(new RegistryUnavailableError("no answer"));
    assert.equal((await failure(ask(client, client.ResolveImage, { tag: "old" }))).code, "UNAVAILABLE");
    state.overrides.resolveAtRegistry = () => Promise.reject(new RegistryDeniedError("refused"));
    const told = await failure(ask(client, client.ResolveImage, { tag: "old" }));
    assert.deepEqual([told.code, told.reason], ["FAILED_PRECONDITION", "REGISTRY_DENIED"]);
  });

  test("answers from the new snapshot as soon as it is there, and says when it turns stale", async (context) => {
    const state = fakeState(snapshotOf(1, { images: weeklies(2), nodesOf: { w_2077_52: ["a"] } }));
    const { client } = await startServer(context, { state });
    const tag = "w_2077_52";
    assert.deepEqual((await ask(client, client.ResolveImage, { tag })).image?.nodes, ["a"]);
    state.staleReason = "the registry does not answer";
    const stale = await ask(client, client.ResolveImage, { tag });
    assert.equal(stale.state?.stale, true);
    assert.equal(stale.state?.staleReason, "the registry does not answer");
    assert.deepEqual(stale.image?.nodes, ["a"]);
    state.current = snapshotOf(2, { images: weeklies(2), nodesOf: { w_2077_52: ["a", "b"] } });
    state.staleReason = null;
    const next = await ask(client, client.ResolveImage, { tag });
    assert.deepEqual(next.image?.nodes, ["a", "b"]);
    assert.equal(next.state?.generation, 2);
    assert.equal(next.state?.stale, false);
  });

  test("says NOT_READY, with the reason, before the first snapshot", async (context) => {
    const state = fakeState();
    state.staleReason = "the registry does not answer";
    const { client } = await startServer(context, { state });
    const told = await failure(ask(client, client.ResolveImage, { tag: "w_2077_52" }));
    assert.deepEqual([told.code, told.reason], ["UNAVAILABLE", "NOT_READY"]);
    assert.equal(told.text, "no refresh has succeeded yet: the registry does not answer");
    state.staleReason = null;
    assert.equal((await failure(ask(client, client.GetMenu, {}))).text, "no refresh has succeeded yet");
  });
});
