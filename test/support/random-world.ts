import fc from "fast-check";
import type { Catalog } from "../../src/domain/images/catalog.ts";
import { STALE_PRESENCE_TTL_MS } from "../../src/domain/nodes/node-record.ts";
import type { NodeReport, ReportedImage } from "../../src/domain/nodes/node-report.ts";
import { editNodeTable, emptyNodeTable, type NodeTableEditor } from "../../src/domain/nodes/node-table.ts";
import { createSnapshot, type Snapshot } from "../../src/domain/snapshot/snapshot.ts";
import type { RemoteTag } from "../../src/domain/tags/remote-tag.ts";
import { defaultSettings } from "./default-source.ts";
import { CORDON, catalogOf, NO_TRAITS, nextSnapshot, nodeRules, onlyCatalog } from "./image-world.ts";
import { type NodeModel, nodeModel } from "./node-model.ts";
import { ALL_DIGESTS, anyDigest, anyDropdown, anyListing, anySettings } from "./world-arbitrary.ts";

/** Enough nodes for three words of a set, so that slots are used again in each of them. */
const MANY = 70;
const EVERYTHING: readonly ReportedImage[] = ALL_DIGESTS.map((name, at) => ({ digests: [name], sizeBytes: 3 + at }));

/** Most nodes have most images: else no image would ever be on all of them. */
const anyImages: fc.Arbitrary<readonly ReportedImage[]> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(EVERYTHING) },
  { weight: 4, arbitrary: fc.subarray([...EVERYTHING], { minLength: ALL_DIGESTS.length - 1 }) },
  { weight: 1, arbitrary: fc.constant([]) },
  {
    weight: 2,
    arbitrary: fc.array(
      fc.record({ digests: fc.uniqueArray(anyDigest, { maxLength: 2 }), sizeBytes: fc.constantFrom(0, 3, 5, 8) }),
      { maxLength: 5 },
    ),
  },
);

/** What a node reports; its number is taken from as many as the world has, and two more. */
const anyReport = fc.record({
  number: fc.nat({ max: 1_000 }),
  uid: fc.constantFrom("u1", "u1", "u1", "u2"),
  architecture: fc.constantFrom(null, null, "amd64", "arm64"),
  taints: fc.constantFrom([], [], [], [CORDON], [{ ...CORDON, value: "other" }]),
  images: anyImages,
});

const anyFact = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("report"), report: anyReport, age: fc.constantFrom(0, 50_000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("remove"),
      number: fc.nat(1_000),
      uid: fc.constantFrom("u1", "u1", "u2"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("mark"), number: fc.nat(1_000), digest: anyDigest }) },
);
type Fact = typeof anyFact extends fc.Arbitrary<infer T> ? T : never;

const anyStep = fc.record({
  /** Milliseconds since the step before. */
  pause: fc.constantFrom(0, 1_000, 61_000, STALE_PRESENCE_TTL_MS),
  facts: fc.array(anyFact, { maxLength: 4 }),
  /** Every so many nodes leave, as a whole list tells it; 0: none. */
  leaving: fc.constantFrom(0, 0, 0, 0, 2, 7),
  /** What the registry has now; null: nobody asked it. */
  listed: fc.option(anyListing, { freq: 1 }),
  /** Whether somebody asks for all answers now; else they are asked for only at the end. */
  asked: fc.boolean(),
});
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

/** A world with what happens in it. */
export const anyWorld = fc.record({
  settings: anySettings,
  dropdown: anyDropdown,
  maxImages: fc.constantFrom(-1, 4, 50),
  listed: anyListing,
  count: fc.constantFrom(0, 2, 3, MANY),
  /** Nodes that start with something else than everything. */
  others: fc.array(anyReport, { maxLength: 3 }),
  steps: fc.array(anyStep, { minLength: 1, maxLength: 8 }),
  menuTimes: fc.array(fc.integer({ min: -5, max: 40 }), { minLength: 1, maxLength: 3 }),
});
/** See anyWorld. */
export type World = typeof anyWorld extends fc.Arbitrary<infer T> ? T : never;

/** A snapshot that came about step by step, and the facts of its moment. */
export interface Moment {
  readonly snapshot: Snapshot;
  readonly model: NodeModel;
  readonly listed: readonly [readonly RemoteTag[], readonly RemoteTag[]];
}

function nameOf(world: World, number: number): string {
  return `n${number % (world.count + 2)}`;
}

function reportOf(world: World, { number, ...report }: World["others"][number]): NodeReport {
  return { ...NO_TRAITS, ...report, name: nameOf(world, number) };
}

function firstReports(world: World): readonly NodeReport[] {
  const alike = Array.from({ length: world.count }, (_, number) =>
    reportOf(world, { number, uid: "u1", architecture: null, taints: [], images: EVERYTHING }),
  );
  return [...alike, ...world.others.map((report) => reportOf(world, report))];
}

/** Lets it all happen: step by step, each snapshot made from the one before, as the service does. */
export function live(world: World, visit: (moment: Moment, step: Step | null) => void): void {
  const rules = nodeRules({ nodeStatusMaxImages: world.maxImages });
  const model = nodeModel(rules);
  let { listed }: Pick<Moment, "listed"> = world;
  let clock = 100_000;
  const { settings, dropdown } = world;
  const start = editNodeTable(emptyNodeTable(rules));
  for (const report of firstReports(world)) {
    start.report(report, clock);
    model.report(report, clock);
  }
  const parts = { settings: defaultSettings(settings, dropdown), time: 0, generation: 1, refreshTime: 0 };
  const catalogs = [catalogOf(settings, ...listedParts(listed, null))];
  let snapshot = createSnapshot({ ...parts, catalogs, table: start.finish() }, null);
  visit({ snapshot, model: model.copy(), listed }, null);
  for (const step of world.steps) {
    clock += step.pause;
    const editor = editNodeTable(snapshot.table);
    for (const fact of step.facts) happen(world, fact, clock, editor, model);
    if (step.leaving > 0) leave(step.leaving, editor, model);
    listed = step.listed ?? listed;
    const table = editor.finish();
    const before = onlyCatalog(snapshot);
    snapshot = nextSnapshot(snapshot, { table, catalog: catalogOf(settings, ...listedParts(listed, before)) });
    visit({ snapshot, model: model.copy(), listed }, step);
  }
}

/** What a catalog is made of, but for its settings. */
export function listedParts([tags, later]: Moment["listed"], before: Catalog | null) {
  return [tags, before, later] as const;
}

function happen(world: World, fact: Fact, now: number, editor: NodeTableEditor, model: NodeModel): void {
  if ("report" in fact) {
    const report = reportOf(world, fact.report);
    editor.report(report, now - fact.age);
    model.report(report, now - fact.age);
    return;
  }
  const name = nameOf(world, fact.number);
  if ("uid" in fact) {
    editor.remove(name, fact.uid);
    model.remove(name, fact.uid);
  } else {
    editor.mark(name, fact.digest, now);
    model.mark(name, fact.digest, now);
  }
}

function leave(every: number, editor: NodeTableEditor, model: NodeModel): void {
  const names = model.asReports().map(({ name }) => name);
  const staying = names.filter((name) => Number(name.slice(1)) % every !== 0);
  editor.retain(new Set(staying));
  model.retain(staying);
}
