import type { Config } from "../../config/config.ts";
import { ruleWords } from "../../domain/sets/rule-words.ts";
import { nameOf } from "./plan-json.ts";
import type { StatePlan } from "./state-plan.ts";

/** A plan as people read it: the sets with their menus, then what each node lacks. */
export function planText({ sources }: Config, { plan }: StatePlan): string {
  const lines: string[] = [];
  for (const [at, { set, images }] of plan.wanted.sets.entries()) {
    const menu = plan.menus[at] ?? [];
    lines.push(`SET ${set.name}: ${images.length} images`);
    for (const { image, ready, total, onMenu } of menu) {
      const reason = image.reason === "" ? "" : `  ${image.reason}`;
      lines.push(`  ${nameOf(image)}  ${ready}/${total} nodes${onMenu ? "" : "  not on the menu"}${reason}`);
    }
    for (const { rule, wanted } of plan.wanted.sets[at]?.rules ?? []) {
      if (wanted.length === 0) lines.push(`  nothing: ${ruleWords(rule)}`);
    }
  }
  lines.push("MISSING");
  for (const { node, images } of plan.missing) lines.push(`  ${node}: ${images.map(nameOf).join(" ")}`);
  if (plan.missing.length === 0) lines.push("  nothing");
  if (plan.excluded.length > 0) lines.push("EXCLUDED");
  for (const { node, comment } of plan.excluded) lines.push(`  ${node}: ${comment}`);
  lines.push("LATEST");
  for (const [at, { source }] of sources.entries()) {
    lines.push(`  ${source.name}: ${plan.latest[at]?.parsed.tag ?? "none"}`);
  }
  return `${lines.join("\n")}\n`;
}
