import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MEMORY_OF_UNTOLD } from "../../src/domain/node-record.ts";
import type { NodeReport } from "../../src/domain/node-report.ts";
import { editNodeTable, emptyNodeTable, type NodeTableEditor } from "../../src/domain/node-table.ts";
import type { RemoteTag } from "../../src/domain/remote-tag.ts";
import type { DropdownPolicy, ImageSettings } from "../../src/domain/settings.ts";
import { createSnapshot, type Snapshot } from "../../src/domain/snapshot.ts";
import { CORDON, catalogOf, digest, nextSnapshot, nodeRules, tableOf } from "../support/image-world.ts";
import { type NodeModel, nodeModel } from "../support/node-model.ts";
import { answersOf, type SnapshotAnswers } from "../support/snapshot-answers.ts";
import { anyDigest, anyDropdown, anyListing, anySettings, anyTag, WORLD_TIME } from "../support/world-arbitrary.ts";

/** Enough nodes for three words of a set, so that slots are used again in each of them. */
const NODES = 70;
const SOME_TAGS = ["recommended", "w_2077_43", "w_2077_43-arm64", "zebra", "d_2077_10_22", "missing"];
const SOME_DIGESTS = [digest("aa1"), digest("bb2"), digest("unheard")];

const anyName = fc.nat({ max: NODES + 5 }).map((number) => `n${number}`);

const anyReport: fc.Arbitrary<NodeReport> = fc.record({
  name: anyName,
  uid: fc.constantFrom("u1", "u1", "u1", "u2"),
  architecture: fc.constantFrom(null, null, "amd64", "arm64"),
  taints: fc.constantFrom([], [], [], [CORDON]),
  images: fc.array(
    fc.record({ digests: fc.uniqueArray(anyDigest, { maxLength: 2 }), sizeBytes: fc.constantFrom(0, 3, 5, 8) }),
    { maxLength: 5 },
  ),
});

type Fact =
  | { readonly kind: "report"; readonly report: NodeReport; readonly age: number }
  | { readonly kind: "remove"; readonly name: string; readonly uid: string }
  | { readonly kind: "mark"; readonly name: string; readonly digest: string; readonly age: number };

const anyFact: fc.Arbitrary<Fact> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("report"), report: anyReport, age: fc.constantFrom(0, 50_000) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove"), name: anyName, uid: fc.constantFrom("u1", "u2") }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("mark"), name: anyName, digest: anyDigest, age: fc.constant(0) }),
  },
);

interface Step {
  /** Milliseconds since the step before. */
  readonly pause: number;
  readonly facts: readonly Fact[];
  /** Every so many nodes leave, as a whole list tells it; 0: none. */
  readonly leaving: number;
  /** What the registry has now; null: nobody asked it. */
  readonly listed: readonly [readonly RemoteTag[], readonly RemoteTag[]] | null;
  /** Whether somebody asks for all answers now; else they are asked for only at the end. */
  readonly asked: boolean;
}

const anyStep: fc.Arbitrary<Step> = fc.record({
  pause: fc.constantFrom(0, 1_000, 61_000, MEMORY_OF_UNTOLD),
  facts: fc.array(anyFact, { maxLength: 5 }),
  leaving: fc.constantFrom(0, 0, 0, 2, 7),
  listed: fc.option(anyListing, { freq: 1 }),
  asked: fc.boolean(),
});

interface World {
  readonly settings: ImageSettings;
  readonly dropdown: DropdownPolicy;
  readonly maxImages: number;
  readonly nodes: readonly NodeReport[];
  readonly steps: readonly Step[];
  readonly menuTimes: readonly number[];
}

const anyWorld: fc.Arbitrary<World> = fc.record({
  settings: anySettings,
  dropdown: anyDropdown,
  maxImages: fc.constantFrom(-1, 3, 50),
  nodes: fc.oneof(fc.array(anyReport, { maxLength: 5 }), fc.array(anyReport, { minLength: NODES, maxLength: NODES })),
  steps: fc.array(anyStep, { minLength: 1, maxLength: 8 }),
  menuTimes: fc.array(fc.integer({ min: -5, max: 40 }), { minLength: 1, maxLength: 4 }),
});

/** A snapshot that came about step by step, and the facts of its moment. */
interface Moment {
  readonly snapshot: Snapshot;
  readonly model: NodeModel;
  readonly listed: readonly [readonly RemoteTag[], readonly RemoteTag[]];
  readonly now: number;
}

/** The nodes of a large world are n0 to n69, whatever names the reports had. */
function firstNodes({ nodes }: World): readonly NodeReport[] {
  return nodes.map((report, at) => ({ ...report, name: `n${at}` }));
}

function live(world: World, visit: (moment: Moment, step: Step | null) => void): void {
  const rules = nodeRules({ nodeStatusMaxImages: world.maxImages });
  const model = nodeModel(rules);
  let listed: Moment["listed"] = [[], []];
  let clock = 100_000;
  const { settings, dropdown } = world;
  const start = editNodeTable(emptyNodeTable(rules));
  for (const report of firstNodes(world)) {
    start.report(report, clock);
    model.report(report, clock);
  }
  const parts = { settings, dropdown, generation: 1, refreshTime: 0 };
  const catalog = catalogOf(settings, ...listedParts(listed, null));
  let snapshot = createSnapshot({ ...parts, catalog, table: start.finish() }, null);
  visit({ snapshot, model: model.copy(), listed, now: clock }, null);
  for (const step of world.steps) {
    clock += step.pause;
    const editor = editNodeTable(snapshot.table);
    for (const fact of step.facts) happen(fact, clock, editor, model);
    if (step.leaving > 0) leave(step.leaving, editor, model);
    listed = step.listed ?? listed;
    const table = editor.finish();
    const { catalog: before } = snapshot;
    snapshot = nextSnapshot(snapshot, { table, catalog: catalogOf(settings, ...listedParts(listed, before)) });
    visit({ snapshot, model: model.copy(), listed, now: clock }, step);
  }
}

function listedParts([tags, later]: Moment["listed"], before: Snapshot["catalog"] | null) {
  return [tags, before, later] as const;
}

function happen(fact: Fact, now: number, editor: NodeTableEditor, model: NodeModel): void {
  switch (fact.kind) {
    case "report":
      editor.report(fact.report, now - fact.age);
      model.report(fact.report, now - fact.age);
      break;
    case "remove":
      editor.remove(fact.name, fact.uid);
      model.remove(fact.name, fact.uid);
      break;
    case "mark":
      editor.mark(fact.name, fact.digest, now);
      model.mark(fact.name, fact.digest, now);
  }
}

function leave(every: number, editor: NodeTableEditor, model: NodeModel): void {
  const names = model.asReports().map(({ name }) => name);
  const staying = names.filter((name) => Number(name.slice(1)) % every !== 0);
  editor.retain(new Set(staying));
  model.retain(staying);
}

function ask(snapshot: Snapshot, now: number): SnapshotAnswers {
  return answersOf(snapshot, now, SOME_TAGS, SOME_DIGESTS);
}

/** The same facts, and nothing else: every answer made from scratch. */
function fromScratch({ settings, dropdown }: World, { model, listed, snapshot }: Moment, now: number): SnapshotAnswers {
  const table = tableOf(model.asReports());
  const catalog = catalogOf(settings, ...listedParts(listed, null));
  const { generation, refreshTime } = snapshot;
  const answers = ask(createSnapshot({ settings, dropdown, catalog, table, generation, refreshTime }, null), now);
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
    { numRuns: 60 },
  );
});

test("a snapshot is changed by no call and by no later snapshot", () => {
  fc.assert(
    fc.property(anyWorld, (world) => {
      const kept: { readonly snapshot: Snapshot; readonly content: unknown; readonly answers: SnapshotAnswers }[] = [];
      const contentOf = ({ catalog, table, settings }: Snapshot) => structuredClone({ catalog, table, settings });
      live(world, ({ snapshot }) => {
        const content = contentOf(snapshot);
        kept.push({ snapshot, content, answers: structuredClone(ask(snapshot, WORLD_TIME)) });
      });
      for (const { snapshot, content, answers } of kept) {
        assert.deepEqual(ask(snapshot, WORLD_TIME), answers);
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
        const before = last?.[0].catalog.entries === snapshot.catalog.entries ? last[1] : after;
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
