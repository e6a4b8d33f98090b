import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { planState } from "../../../src/app/plan/state-plan.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { type PlanState, parseState } from "../../../src/config/state-file.ts";
import { UnknownImageError } from "../../../src/domain/errors.ts";
import type { Image } from "../../../src/domain/images/image.ts";
import type { NodeReport } from "../../../src/domain/nodes/node-report.ts";
import { createSnapshot, type Snapshot } from "../../../src/domain/snapshot/snapshot.ts";
import { nodeRules, tableOf } from "../../support/image-world.ts";
import { SET_CASE, type SetCase } from "./set-case.ts";

const CASES = join(import.meta.dirname, "cases");
const CASE_FILE = z.object({
  cases: z.array(SET_CASE.extend({ expected: z.looseObject({ errors: z.unknown().optional() }) })),
});

function reportOf({
  name,
  labels,
  taints,
  os,
  arch,
  cached,
  created,
  notReadySince,
}: PlanState["nodes"][number]): NodeReport {
  return {
    name,
    uid: name,
    labels,
    taints,
    os: labels["kubernetes.io/os"] ?? os ?? null,
    architecture: labels["kubernetes.io/arch"] ?? arch ?? null,
    images: cached.map((digest) => ({ digests: [digest], sizeBytes: 1 })),
    createdAt: created ?? null,
    notReadySince: notReadySince ?? null,
  };
}

function snapshotOf({ config: file, registries, nodes, now, ask }: SetCase): Snapshot {
  const config = parseConfig(JSON.stringify(file));
  const state = parseState({ registries, nodes, now, ask });
  const { sources, sets, menu, dropdown, images } = config;
  const { catalogs } = planState(config, state);
  const settings = { sources: sources.map(({ source }) => source.name), sets, menu, dropdown, images };
  const table = tableOf(state.nodes.map(reportOf), nodeRules({ sets }));
  const times = { time: state.now, refreshTime: state.now };
  return createSnapshot({ settings, catalogs, table, generation: 1, ...times }, null);
}

function nameOf({ source, tag }: Image): string {
  return `${source}:${tag}`;
}

function latestOf(snapshot: Snapshot, source: string): string | null {
  try {
    return snapshot.imageForClass("LATEST", source).image.tag;
  } catch (error) {
    if (error instanceof UnknownImageError) return null;
    throw error;
  }
}

/** What the cases expect, as the incremental engine has it. */
function answersOf(snapshot: Snapshot): object {
  const { sets, sources } = snapshot.settings;
  return {
    wanted: Object.fromEntries(
      snapshot.wanted.sets.map(({ set, images }) => [
        set.name,
        images.map(({ source, entry, reason }) => [`${source}:${entry.parsed.tag}`, reason]),
      ]),
    ),
    missing: snapshot.missing().map(({ node, images }) => [node, images.map(nameOf)]),
    menus: Object.fromEntries(
      sets.map(({ name, order }) => {
        const { menu, dropdown } = snapshot.menu(snapshot.time, name);
        // The dropdown of a set of display order has other images, too, and those without a place on its menu.
        const own = order === "display" ? snapshot.wanted.sets[0]?.menu.map(({ entry }) => entry.parsed.tag) : null;
        const items = own?.map((tag) => dropdown.find(({ image }) => image.tag === tag)) ?? dropdown;
        return [
          name,
          items.map((item) => [
            item === undefined ? "" : nameOf(item.image),
            item?.counts?.ready,
            item?.counts?.total,
            item?.counts?.prepulled,
            item !== undefined && menu.includes(item),
          ]),
        ];
      }),
    ),
    latest: Object.fromEntries(sources.map((source) => [source, latestOf(snapshot, source)])),
    excluded: snapshot.nodes().flatMap(({ name, comment }) => (comment === null ? [] : [[name, comment]])),
  };
}

for (const file of (await readdir(CASES)).filter((name) => name.endsWith(".json"))) {
  test(`the snapshot answers the cases of ${file} as plans do`, async () => {
    const { cases } = CASE_FILE.parse(JSON.parse(await readFile(join(CASES, file), "utf8")));
    for (const one of cases) {
      const { explain: _, ...expected } = one.expected;
      if (expected.errors !== undefined) continue;
      assert.deepEqual(answersOf(snapshotOf(one)), expected, one.id);
    }
  });
}
