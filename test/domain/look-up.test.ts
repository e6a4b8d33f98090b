import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidReferenceError, UnknownImageError } from "../../src/domain/errors.ts";
import type { ImageClass } from "../../src/domain/images/image.ts";
import type { ResolvedImage, Snapshot } from "../../src/domain/snapshot/snapshot.ts";
import { digest, found, listing, nodeReport, PREFIX, snapshotOf } from "../support/image-world.ts";

const REFERENCE = PREFIX.slice(0, -1);

/** A registry that tells digests in its listing only for some tags, as one does that is asked for those of the set. */
function docker(): Snapshot {
  return snapshotOf({
    settings: { numReleases: 1, numWeeklies: 2, pin: ["w_2077_44-arm64", "zebra"] },
    tags: listing(
      ["recommended", "a"],
      ["w_2077_43", "a"],
      ["w_2077_42", "b"],
      ["w_2077_44-arm64", "c"],
      ["zebra", "c"],
      ["w_2077_41"],
      ["mover"],
    ),
    nodes: [nodeReport("n1", { images: { a: 7, new: 9 } }), nodeReport("n2", { images: { a: 8 } })],
  });
}

function tagOf({ image }: ResolvedImage): string {
  return image.tag;
}

function ofClass(snapshot: Snapshot, imageClass: ImageClass): string {
  return tagOf(snapshot.imageForClass(imageClass));
}

test("a class is answered from the prepull set, pulled or not, and never with an architecture-specific latest", () => {
  const snapshot = docker();
  assert.equal(ofClass(snapshot, "RECOMMENDED"), "recommended");
  assert.equal(ofClass(snapshot, "LATEST_WEEKLY"), "w_2077_43");
  assert.throws(() => snapshot.imageForClass("LATEST_RELEASE"), UnknownImageError);
  assert.throws(() => snapshot.imageForClass("LATEST_DAILY"), UnknownImageError);
});

test("an image outside the prepull set is of no class", () => {
  const tags = listing(["d_2077_10_23", "a"], ["r29_0_0", "a"]);
  assert.throws(() => snapshotOf({ tags }).imageForClass("LATEST_DAILY"), UnknownImageError);
  assert.throws(() => snapshotOf({ tags }).imageForClass("RECOMMENDED"), UnknownImageError);
  assert.equal(ofClass(snapshotOf({ tags, settings: { numReleases: 1 } }), "LATEST_RELEASE"), "r29_0_0");
});

test("the recommended image may be architecture-specific", () => {
  const snapshot = snapshotOf({
    settings: { recommendedTag: "w_2077_43-arm64" },
    tags: listing(["w_2077_43-arm64", "a"]),
  });
  assert.equal(ofClass(snapshot, "RECOMMENDED"), "w_2077_43-arm64");
});

test("a tag is answered with its image and the nodes that it is on, by name", () => {
  const { image, nodes } = found(docker().imageForTag("recommended"));
  assert.deepEqual(nodes, ["n1", "n2"]);
  assert.equal(image.pullReference, `${PREFIX}recommended@sha256:a`);
  assert.equal(image.sizeBytes, 8);
});

test("an image is the same in every answer", () => {
  const snapshot = docker();
  const { image } = found(snapshot.imageForTag("recommended"));
  assert.equal(snapshot.images().recommended, image);
  assert.equal(snapshot.imageForClass("RECOMMENDED").image, image);
  assert.ok(snapshot.images().images.includes(image));
});

test("a tag that does not exist is unknown, and so is the empty one", () => {
  for (const tag of ["nothing", "", "__proto__", "Recommended"]) {
    assert.throws(() => docker().imageForTag(tag), UnknownImageError);
  }
});

test("a look-up finds architecture-specific images that lists leave out", () => {
  const snapshot = snapshotOf({ tags: listing(["w_2077_43-amd64", "a"]) });
  assert.deepEqual(snapshot.images().images, []);
  assert.equal(tagOf(found(snapshot.imageForTag("w_2077_43-amd64"))), "w_2077_43-amd64");
});

test("a tag without digest has to be asked for at the registry", () => {
  assert.deepEqual(docker().imageForTag("w_2077_41"), { kind: "needs-digest", source: "default", tag: "w_2077_41" });
  assert.deepEqual(docker().imageForReference(`${REFERENCE}:w_2077_41`), {
    kind: "needs-digest",
    source: "default",
    tag: "w_2077_41",
  });
});

test("a tag that was asked for is described as if its digest had been known", () => {
  const snapshot = docker();
  const { image, nodes } = snapshot.imageResolvedNow("mover", { tag: "mover", digest: digest("a"), sizeBytes: null });
  assert.deepEqual(nodes, ["n1", "n2"]);
  assert.equal(image.displayName, "Mover (Weekly 2077_43)");
  assert.equal(image.aliasTarget, "w_2077_43");
  assert.deepEqual(image.aliases, ["recommended"]);
  assert.equal(image.sizeBytes, 8);
  assert.equal(image.prepulled, true);
});

test("a tag that was asked for may be the primary itself, or alone with its digest", () => {
  const snapshot = docker();
  const primary = snapshot.imageResolvedNow("w_2077_41", { tag: "w_2077_41", digest: digest("new"), sizeBytes: 3 });
  assert.deepEqual([primary.image.aliases, primary.image.aliasTarget, primary.image.sizeBytes], [[], null, 3]);
  assert.deepEqual(primary.nodes, ["n1"]);
  assert.equal(primary.image.prepulled, false);
});

test("asking for a tag changes nothing in the snapshot", () => {
  const snapshot = docker();
  snapshot.imageResolvedNow("mover", { tag: "mover", digest: digest("a"), sizeBytes: null });
  assert.deepEqual(snapshot.imageForTag("mover"), { kind: "needs-digest", source: "default", tag: "mover" });
  assert.deepEqual(found(snapshot.imageForTag("w_2077_43")).image.aliases, ["recommended"]);
});

test("a tag whose digest was known is described with the digest that the registry has now", () => {
  const moved = docker().imageResolvedNow("recommended", { tag: "recommended", digest: digest("b"), sizeBytes: null });
  assert.equal(moved.image.displayName, "Recommended (Weekly 2077_42)");
  assert.equal(moved.image.digest, digest("b"));
  const same = docker().imageResolvedNow("recommended", { tag: "recommended", digest: digest("a"), sizeBytes: null });
  assert.deepEqual(same, found(docker().imageForTag("recommended")));
});

test("a tag that has gone when it is asked for is unknown", () => {
  const snapshot = docker();
  assert.throws(() => snapshot.imageResolvedNow("mover", null), UnknownImageError);
  assert.throws(
    () => snapshot.imageResolvedNow("mover", { tag: "mover", digest: null, sizeBytes: 1 }),
    UnknownImageError,
  );
  assert.throws(
    () => snapshot.imageResolvedNow("nothing", { tag: "nothing", digest: digest("a"), sizeBytes: 1 }),
    UnknownImageError,
  );
});

test("what is no reference is invalid", () => {
  for (const text of ["", "nothing", `${REFERENCE}:`, `${REFERENCE}@`, ` ${REFERENCE}:a`]) {
    assert.throws(() => docker().imageForReference(text), InvalidReferenceError);
  }
});

test("another registry or repository is unknown, even where neither tag nor digest is named", () => {
  const others = [
    "other.test/sciplat/lab:recommended",
    "registry.test:5000/sciplat:recommended",
    "other.test/sciplat/lab",
  ];
  for (const text of others) assert.throws(() => docker().imageForReference(text), UnknownImageError);
});

test("our own repository without tag and digest is invalid", () => {
  assert.throws(() => docker().imageForReference(REFERENCE), InvalidReferenceError);
});

test("a reference without digest is answered by its tag", () => {
  assert.equal(tagOf(found(docker().imageForReference(`${REFERENCE}:recommended`))), "recommended");
  assert.throws(() => docker().imageForReference(`${REFERENCE}:nothing`), UnknownImageError);
});

test("a known digest is the primary image of its group, whatever tag is named", () => {
  for (const tag of ["", ":recommended", ":w_2077_43", ":w_2077_42", ":w_2077_41", ":nothing"]) {
    assert.equal(tagOf(found(docker().imageForReference(`${REFERENCE}${tag}@${digest("a")}`))), "w_2077_43");
  }
});

test("an unknown digest with a known tag is that tag as parsed, with the digest asked for", () => {
  const { image, nodes } = found(docker().imageForReference(`${REFERENCE}:recommended@${digest("new")}`));
  assert.deepEqual(
    [image.tag, image.displayName, image.digest, image.aliases, image.aliasTarget, image.sizeBytes],
    ["recommended", "Recommended", digest("new"), [], null, 9],
  );
  assert.equal(image.pullReference, `${PREFIX}recommended@${digest("new")}`);
  assert.deepEqual(nodes, ["n1"]);
});

test("an unknown digest with no tag, or with one that is unknown, is unknown", () => {
  assert.throws(() => docker().imageForReference(`${REFERENCE}@${digest("new")}`), UnknownImageError);
  assert.throws(() => docker().imageForReference(`${REFERENCE}:nothing@${digest("new")}`), UnknownImageError);
});
