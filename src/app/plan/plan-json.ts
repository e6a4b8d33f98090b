import type { Config } from "../../config/config.ts";
import type { PlanState } from "../../config/state-file.ts";
import type { CatalogEntry } from "../../domain/images/catalog.ts";
import { type ExplainedRule, explainTag, nodeVerdict } from "../../domain/sets/explain.ts";
import { canRun, runnableOf } from "../../domain/sets/platform.ts";
import type { WantedImage } from "../../domain/sets/set-images.ts";
import type { StatePlan } from "./state-plan.ts";

/** A plan as `lab-images plan -o json` prints it: the keys of the conformance cases. */
export function planJson(config: Config, state: PlanState, { catalogs, plan }: StatePlan): object {
  const { wanted, menus } = plan;
  const bySet = <Value>(entryOf: (at: number) => Value) =>
    Object.fromEntries(wanted.sets.map(({ set }, at) => [set.name, entryOf(at)]));
  return {
    wanted: bySet((at) => (wanted.sets[at]?.images ?? []).map((image) => [nameOf(image), image.reason])),
    missing: plan.missing.map(({ node, images }) => [node, images.map(nameOf)]),
    menus: bySet((at) =>
      (menus[at] ?? []).map(({ image, ready, total, prepulled, onMenu }) => [
        nameOf(image),
        ready,
        total,
        prepulled,
        onMenu,
      ]),
    ),
    latest: Object.fromEntries(
      config.sources.map(({ source }, at) => [source.name, plan.latest[at]?.parsed.tag ?? null]),
    ),
    excluded: plan.excluded.map(({ node, comment }) => [node, comment]),
    ...(state.ask.length === 0
      ? {}
      : { explain: state.ask.map((question) => explanationJson(question, state.now, { catalogs, plan })) }),
  };
}

/** `source:tag`. */
export function nameOf({ source, entry }: WantedImage<CatalogEntry>): string {
  return `${source}:${entry.parsed.tag}`;
}

function explanationJson(
  { source, tag, node: asked }: PlanState["ask"][number],
  now: number,
  { catalogs, plan }: StatePlan,
): object {
  const { sets } = plan.wanted;
  const catalog = catalogs.find((each) => each.source.name === source);
  const found = catalog === undefined ? ({ known: "no" } as const) : explainTag(catalog, sets, tag, now);
  if (found.known !== "yes") return { known: found.known, class: null, target: null, rules: [], nodes: [] };
  const { entry } = found;
  const shown = plan.nodes.filter(({ node }) => asked === undefined || node.name === asked);
  return {
    known: "yes",
    class: entry.parsed.class,
    target: entry.aliasTarget,
    rules: found.rules.map(ruleJson),
    nodes: shown.map(({ node, memberships }) => {
      const has = (digest: string) => node.cached.has(digest);
      const verdict = nodeVerdict(entry, sets, memberships, { has, canRun: canRun(node, runnableOf(entry)) });
      return [node.name, verdict.state === "excluded" ? `excluded: ${verdict.comment}` : verdict.state];
    }),
  };
}

function ruleJson({ applied: { set, index }, verdict }: ExplainedRule): readonly unknown[] {
  const common = [set.name, index, verdict.result];
  if ("byMs" in verdict) return [...common, Math.floor(verdict.byMs / 1_000)];
  return "by" in verdict ? [...common, verdict.by] : common;
}
