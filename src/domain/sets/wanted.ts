import { runToCompletion } from "../cooperative.ts";
import type { Catalog, CatalogEntry } from "../images/catalog.ts";
import { viewOf } from "../images/complete-catalog.ts";
import type { SetConfig } from "../settings.ts";
import { inDisplayOrder, recommendedOf } from "./display-order.ts";
import { earliest, evaluateRule, type RuleOutcome } from "./evaluate-rule.ts";
import { type AppliedRule, imagesInRuleOrder, type WantedImage } from "./set-images.ts";

/** What a set wants at one time. */
export interface WantedSet {
  readonly set: SetConfig;
  /** Its rules, and what each of them wants. */
  readonly rules: readonly AppliedRule<CatalogEntry>[];
  /** One for each digest, in the order in which nodes pull them. An image whose digest is not known is wanted, and pulled nowhere. */
  readonly images: readonly WantedImage<CatalogEntry>[];
  /** What the menu is made of, in its order. */
  readonly menu: readonly WantedImage<CatalogEntry>[];
  /** What the status shows. */
  readonly shown: readonly WantedImage<CatalogEntry>[];
  /** The image that the menu has even where no node has it; null for none. */
  readonly first: CatalogEntry | null;
  /** Systems besides Linux that its images are for. */
  readonly systems: ReadonlySet<string>;
}

/** What all sets want of the catalogs at one time. */
export interface Wanted {
  readonly sets: readonly WantedSet[];
  /** The first time after which that may be otherwise, though the catalogs are the same; null for never. */
  readonly changesAt: number | null;
}

/** Applies the rules of the sets to the catalogs of their sources at `now`; a source that has not answered yet has none. */
export function wantedOf(sets: readonly SetConfig[], catalogs: readonly Catalog[], now: number): Wanted {
  let changesAt: number | null = null;
  const described = sets.map((set) => {
    const rules = set.rules.map((rule, index): AppliedRule<CatalogEntry> => {
      const catalog = catalogOf(catalogs, rule.source);
      const outcome = catalog === undefined ? null : outcomeOf(catalog, set, index, now);
      changesAt = earliest(changesAt, outcome?.changesAt ?? null);
      const { wanted = [], missing = [], shortfall = null } = outcome ?? {};
      return { set, index, rule, wanted, missing, shortfall };
    });
    return describeSet(set, rules, catalogs);
  });
  return { sets: described, changesAt };
}

/** The catalog of the source of this name. */
export function catalogOf(catalogs: readonly Catalog[], source: string): Catalog | undefined {
  return catalogs.find((catalog) => catalog.source.name === source);
}

function outcomeOf(catalog: Catalog, set: SetConfig, index: number, now: number): RuleOutcome<CatalogEntry> | null {
  const at = catalog.source.rules.findIndex((each) => each.set.name === set.name && each.index === index);
  const own = catalog.source.rules[at];
  const known = catalog.outcomes[at];
  if (own === undefined || known === undefined) return null;
  if (known.changesAt === null || now < known.changesAt) return known;
  return runToCompletion(evaluateRule(own.rule, viewOf(catalog), set.order, now));
}

function describeSet(
  set: SetConfig,
  rules: readonly AppliedRule<CatalogEntry>[],
  catalogs: readonly Catalog[],
): WantedSet {
  const catalog = catalogOf(catalogs, set.rules[0]?.source ?? "");
  if (set.order === "display" && catalog !== undefined) {
    const { images, menu, shown } = inDisplayOrder(rules, catalog);
    const named = (entry: CatalogEntry) => ({ entry, source: catalog.source.name, reason: "" });
    const first = recommendedOf(rules) ?? null;
    return { set, rules, images, menu: menu.map(named), shown: shown.map(named), first, systems: systemsOf(images) };
  }
  const images = imagesInRuleOrder(rules);
  const first = images[0]?.entry ?? null;
  return { set, rules, images, menu: images, shown: images, first, systems: systemsOf(images) };
}

function systemsOf(images: readonly WantedImage<CatalogEntry>[]): ReadonlySet<string> {
  const systems = images.flatMap(({ entry }) => entry.platforms ?? []).map(({ os }) => os);
  return new Set(systems.filter((os) => os !== "linux"));
}
