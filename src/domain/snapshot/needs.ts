import type { Catalog, CatalogEntry } from "../images/catalog.ts";
import { bothNodes, draftNodes, eitherNodes, NO_NODES, type NodeSet, sameNodes, setNode } from "../nodes/node-set.ts";
import { type NodeTable, nodesToHave, platformsIn } from "../nodes/node-table.ts";
import { runnableOf } from "../sets/platform.ts";
import { ruleWords } from "../sets/rule-words.ts";
import { imageKey } from "../sets/set-images.ts";
import { countsForMenu, fitsNone } from "../sets/set-menu.ts";
import type { Wanted } from "../sets/wanted.ts";
import type { MenuConfig } from "../settings.ts";

/** Which nodes images belong on, and which of them count for the menu, in one snapshot. */
export interface Needs {
  readonly wanted: Wanted;
  readonly members: NodeTable["members"];
  /** The nodes that count for the menu (docs/spec/sets.md 5.1). */
  readonly counted: NodeSet;
  /** The nodes that the image has to be on to be prepulled: those of the sets that want it, or of those with rules on its source. */
  /** Every rule that wants the image, in words. */
  wantedBy(entry: CatalogEntry): readonly string[];
  forImage(catalog: Catalog, entry: CatalogEntry): NodeSet;
  /** Whether these sets have nodes, and what is known of the image fits none of them. */
  fitsNone(catalog: Catalog, entry: CatalogEntry): boolean;
}

/** What needs are made of. */
interface NeedsParts {
  readonly wanted: Wanted;
  readonly table: NodeTable;
  readonly menu: MenuConfig;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

/** The needs of a snapshot; those of the one before where they are the same. */
export function needsOf(parts: NeedsParts, previous: Needs | null): Needs {
  const counted = countedNodes(parts);
  const { wanted, table } = parts;
  const isSame =
    previous?.wanted === wanted && previous.members === table.members && sameNodes(previous.counted, counted);
  return isSame ? previous : createNeeds(wanted, table, counted);
}

const UNWANTED: readonly string[] = [];

function createNeeds(wanted: Wanted, table: NodeTable, counted: NodeSet): Needs {
  const setsByDigest = new Map<string, number[]>();
  for (const [at, { images }] of wanted.sets.entries()) {
    for (const { entry } of images) {
      if (entry.digest === null) continue;
      const sets = setsByDigest.get(entry.digest) ?? [];
      setsByDigest.set(entry.digest, sets.includes(at) ? sets : [...sets, at]);
    }
  }
  const reasons = new Map<string, string[]>();
  for (const { set, rules } of wanted.sets) {
    for (const { rule, wanted: entries } of rules) {
      const words = `${set.name}: ${ruleWords(rule)}`;
      for (const key of new Set(entries.map((entry) => imageKey(entry.source, entry)))) {
        const own = reasons.get(key) ?? [];
        own.push(words);
        reasons.set(key, own);
      }
    }
  }
  const setsBySource = new Map<string, readonly number[]>();
  const ofSource = (source: string): readonly number[] => {
    const known = setsBySource.get(source);
    if (known !== undefined) return known;
    const sets = wanted.sets.flatMap(({ set }, at) => (set.rules.some((rule) => rule.source === source) ? [at] : []));
    setsBySource.set(source, sets);
    return sets;
  };
  // An image whose platforms are not known differs from others by its architecture alone: nearly all are so.
  const known = new Map<readonly number[], Map<string | null, NodeSet>>();

  function find(sets: readonly number[], entry: CatalogEntry): NodeSet {
    const nodes = sets.map((at) => nodesToHave(table, at, runnableOf(entry)));
    return bothNodes(
      nodes.reduce((all, own) => eitherNodes(all, own), NO_NODES),
      counted,
    );
  }

  const setsOf = ({ source }: Catalog, { digest }: CatalogEntry): readonly number[] =>
    setsByDigest.get(digest ?? "") ?? ofSource(source.name);

  return {
    wanted,
    members: table.members,
    counted,
    wantedBy: (entry) =>
      entry.digest === null && !entry.inPrepullSet
        ? UNWANTED
        : (reasons.get(imageKey(entry.source, entry)) ?? UNWANTED),
    fitsNone(catalog, entry) {
      if (entry.platforms === null) return false;
      const nodes = setsOf(catalog, entry).flatMap((at) => platformsIn(table, at));
      return fitsNone(nodes, runnableOf(entry));
    },
    forImage(catalog, entry) {
      const sets = setsOf(catalog, entry);
      if (entry.platforms !== null) return find(sets, entry);
      const { architecture } = entry.tag;
      const byArchitecture = known.get(sets) ?? new Map<string | null, NodeSet>();
      known.set(sets, byArchitecture);
      const found = byArchitecture.get(architecture) ?? find(sets, entry);
      byArchitecture.set(architecture, found);
      return found;
    },
  };
}

function countedNodes({ table, menu, time }: NeedsParts): NodeSet {
  const draft = draftNodes(NO_NODES);
  for (const { slot, eligible, report } of table.records) {
    if (eligible && countsForMenu(report, menu, time)) setNode(draft, slot, true);
  }
  return draft.nodes;
}
