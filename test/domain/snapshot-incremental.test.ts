import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSnapshot, type Snapshot } from "../../src/domain/snapshot/snapshot.ts";
import { defaultSettings } from "../support/default-source.ts";
import { catalogOf, digest, onlyCatalog, tableOf } from "../support/image-world.ts";
import { anyWorld, listedParts, live, type Moment, type World } from "../support/random-world.ts";
import { answersOf, type SnapshotAnswers } from "../support/snapshot-answers.ts";
import { ALL_DIGESTS, anyTag, WORLD_TIME } from "../support/world-arbitrary.ts";

const SOME_TAGS = ["recommended", "w_2077_43", "w_2077_43-arm64", "zebra", "d_2077_10_22", "missing"];
const SOME_DIGESTS = [...ALL_DIGESTS.slice(0, 2), digest("unheard")];

function ask(snapshot: Snapshot, now: number): SnapshotAnswers {
  return answersOf(snapshot, now, SOME_TAGS, SOME_DIGESTS);
}

/** The same facts, and nothing else: every answer made from scratch. */
function fromScratch({ settings, dropdown }: World, { model, listed, snapshot }: Moment, now: number): SnapshotAnswers {
  const table = tableOf(model.asReports());
  const catalog = catalogOf(settings, ...listedParts(listed, null));
  const { generation, refreshTime, time } = snapshot;
  const parts = { settings: defaultSettings(settings, dropdown), catalogs: [catalog], table, time };
  const answers = ask(createSnapshot({ ...parts, generation, refreshTime }, null), now);
  const truncated = model.truncated();
  const nodes = answers.nodes.map((status) => ({ ...status, imagesTruncated: truncated.has(status.name) }));
  return { ...answers, nodes };
}

test("whatever has happened step by step, every answer is the one that is made from scratch", () => {
  fc.assert(
    fc.property(anyWorld, (world) => {
      const moments: Moment[] = [];
      live(world, (moment, step) => {
        moments.push(moment);
        if (step?.asked) assert.deepEqual(ask(moment.snapshot, WORLD_TIME), fromScratch(world, moment, WORLD_TIME));
      });
      // Later snapshots share what they know with earlier ones: each must still answer for its own moment.
      for (const moment of moments.toReversed()) {
        for (const day of world.menuTimes) {
          const now = WORLD_TIME + day * 86_400_000;
          assert.deepEqual(ask(moment.snapshot, now), fromScratch(world, moment, now));
        }
      }
    }),
    { numRuns: 100 },
  );
});

test("a snapshot is changed by no call and by no later snapshot", () => {
  fc.assert(
    fc.property(anyWorld, (world) => {
      const kept: { readonly snapshot: Snapshot; readonly content: unknown; readonly answers: SnapshotAnswers }[] = [];
      const contentOf = ({ catalogs, table, settings }: Snapshot) => {
        const catalog = onlyCatalog({ catalogs });
        // A source has functions, and nothing that changes.
        const { source: _, ...listed } = catalog;
        return structuredClone({ catalog: listed, table, settings });
      };
      live(world, ({ snapshot }) => {
        const content = contentOf(snapshot);
        kept.push({ snapshot, content, answers: structuredClone(ask(snapshot, WORLD_TIME)) });
      });
      for (const { snapshot, content, answers } of kept) {
        assert.deepEqual(structuredClone(ask(snapshot, WORLD_TIME)), answers);
        assert.deepEqual(contentOf(snapshot), content);
      }
    }),
    { numRuns: 25 },
  );
});

test("no image is both on a node and missing there, and what an eligible node lacks is what it needs and has not", () => {
  fc.assert(
    fc.property(anyWorld, (world) => {
      live(world, ({ snapshot }) => {
        const { prepulled, pending } = snapshot.prepullImages();
        for (const { nodes, missing } of [...prepulled, ...pending]) {
          assert.deepEqual(
            nodes.filter((name) => missing.includes(name)),
            [],
          );
        }
        for (const { missing } of prepulled) assert.deepEqual(missing, []);
        const eligible = new Set(
          snapshot
            .nodes()
            .filter((node) => node.eligible)
            .map(({ name }) => name),
        );
        for (const { node, images } of snapshot.missing()) {
          assert.ok(eligible.has(node));
          const digests = images.map((image) => image.digest);
          assert.equal(new Set(digests).size, digests.length);
          for (const { tag, digest: name } of images) {
            assert.notEqual(name, null);
            const { kind, ...found } = snapshot.imageForTag(tag);
            assert.ok(kind === "image" && "resolved" in found && !found.resolved.nodes.includes(node));
          }
        }
      });
    }),
    { numRuns: 40 },
  );
});

/** Pairs of answers that stand for the same thing in two snapshots. */
function pairs(before: SnapshotAnswers, after: SnapshotAnswers): readonly (readonly [unknown, unknown])[] {
  const byKey = <T>(a: readonly T[], b: readonly T[], key: (one: T) => string) => {
    const old = new Map(a.map((one) => [key(one), one]));
    return b.map((one) => [old.get(key(one)), one] as const);
  };
  const images = ({ prepull }: SnapshotAnswers) => [...prepull.prepulled, ...prepull.pending];
  return [
    [before.images, after.images],
    [before.missing, after.missing],
    [before.prepull, after.prepull],
    [before.nodes, after.nodes],
    // The menu is made for a list of images, which holds more of each than the menu shows.
    ...(before.images === after.images ? [[before.menu, after.menu] as const] : []),
    ...byKey(before.images.images, after.images.images, ({ tag }) => tag),
    ...byKey(before.missing, after.missing, ({ node }) => node),
    ...byKey(before.nodes, after.nodes, ({ name }) => name),
    ...byKey(images(before), images(after), ({ image }) => image.tag),
  ];
}

function isSame(a: unknown, b: unknown): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

test("while the registry's images stay, an answer that has not changed is the same object in the next snapshot", () => {
  fc.assert(
    fc.property(anyWorld, (world) => {
      let last: readonly [Snapshot, SnapshotAnswers] | null = null;
      live(world, ({ snapshot }) => {
        const after = ask(snapshot, WORLD_TIME);
        const before =
          last !== null && onlyCatalog(last[0]).entries === onlyCatalog(snapshot).entries ? last[1] : after;
        last = [snapshot, after];
        for (const [old, now] of pairs(before, after)) {
          if (old !== now && isSame(old, now)) assert.fail(`made anew: ${JSON.stringify(now)}`);
        }
      });
    }),
    { numRuns: 40 },
  );
});

test("the same call gives the same object", () => {
  fc.assert(
    fc.property(anyWorld, anyTag, (world, tag) => {
      live(world, ({ snapshot }) => {
        const once = ask(snapshot, WORLD_TIME);
        const again = ask(snapshot, WORLD_TIME);
        for (const [old, now] of pairs(once, again)) assert.equal(now, old);
        assert.deepEqual(answersOf(snapshot, WORLD_TIME, [tag], []), answersOf(snapshot, WORLD_TIME, [tag], []));
      });
    }),
    { numRuns: 15 },
  );
});
