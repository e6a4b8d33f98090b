import { type CooperativeTask, STEP_SIZE } from "../cooperative.ts";
import type { NewestRule, Rule, SetConfig } from "../settings.ts";
import { type CountedAs, createVersionCounter, maxLookUps } from "./count-versions.ts";
import { createRuleMatcher } from "./rule-match.ts";
import type { SourceEntry, SourceView } from "./source-view.ts";

/** What one rule wants of its source. */
export interface RuleOutcome<Entry> {
  /** In the order inside the rule. */
  readonly wanted: readonly Entry[];
  /** Tags that it names and the source lacks. */
  readonly missing: readonly string[];
  /** What the rule names or counts and does not find; null where it finds all of it. For an operator. */
  readonly shortfall: string | null;
  /** The first time after `now`, in milliseconds since the epoch, at which the outcome may be another; null for never. */
  readonly changesAt: number | null;
}

const ENDED = { wanted: [], missing: [], shortfall: null, changesAt: null } as const;

/** Whether the rule has ended: a rule wants nothing from `until` on. */
export function hasEnded({ until }: Rule, now: number): boolean {
  return until !== null && now >= until.ms;
}

/**
 * What a rule of a set wants of its source at `now` (docs/spec/sets.md 3). Rules are independent of each other. Without
 * digests each tag is taken to have one of its own: with more digests known, a rule may want other, older versions.
 */
export function* evaluateRule<Entry extends SourceEntry>(
  rule: Rule,
  source: SourceView<Entry>,
  order: SetConfig["order"],
  now: number,
): CooperativeTask<RuleOutcome<Entry>> {
  if (hasEnded(rule, now)) return ENDED;
  const outcome = rule.kind === "newest" ? yield* newestOf(rule, source, order, now) : namedBy(rule, source);
  return { ...outcome, changesAt: earliest(outcome.changesAt, rule.until?.ms ?? null) };
}

function namedBy<Entry extends SourceEntry>(
  rule: Exclude<Rule, NewestRule>,
  { byTag }: SourceView<Entry>,
): RuleOutcome<Entry> {
  const tags = rule.kind === "alias" ? [rule.alias] : [...new Set(rule.pin)];
  const found = tags.map((tag) => byTag.get(tag));
  const missing = tags.filter((_, at) => found[at] === undefined);
  return {
    wanted: found.filter((entry) => entry !== undefined),
    missing,
    shortfall: missing.length === 0 ? null : `the registry has no tag ${missing.join(", ")}`,
    changesAt: null,
  };
}

function* newestOf<Entry extends SourceEntry>(
  rule: NewestRule,
  source: SourceView<Entry>,
  order: SetConfig["order"],
  now: number,
): CooperativeTask<RuleOutcome<Entry>> {
  if (rule.newest === 0) return ENDED;
  const matcher = createRuleMatcher(rule);
  const counter = createVersionCounter<Entry>(rule, countedAs(order, source), {
    versions: rule.newest,
    tags: source.asksForDigests ? maxLookUps(rule.newest) : null,
  });
  const wanted: Entry[] = [];
  let changesAt: number | null = null;
  let looked = 0;
  for (const entry of source.entries) {
    if (++looked % STEP_SIZE === 0) yield;
    if (matcher.mismatch(entry.parsed, now) !== null) continue;
    if (counter.count(entry) !== null) {
      wanted.push(entry);
      changesAt = earliest(changesAt, expiryOf(entry, rule));
    } else if (rule.newestPer === null) break;
  }
  return { wanted, missing: [], shortfall: shortfallOf(rule, order, wanted.length, counter.isCut), changesAt };
}

/** What `newest` counts: versions by digest, or in a set of display order each tag. */
export function countedAs<Entry extends SourceEntry>(order: SetConfig["order"], source: SourceView<Entry>): CountedAs {
  return order === "display" ? "tags" : source.scheme;
}

function shortfallOf(rule: NewestRule, order: SetConfig["order"], found: number, isCut: boolean): string | null {
  if (isCut) {
    const most = maxLookUps(rule.newest);
    return `so many versions share digests that fewer than ${rule.newest} are found among ${most} tags`;
  }
  // A site of the default set may have no releases, or no dailies.
  return found === 0 && order === "rules" ? "no tag of the registry matches" : null;
}

/** The first millisecond at which the tag is older than `within` allows; one exactly that old still counts. */
function expiryOf({ parsed: { date } }: SourceEntry, { within }: NewestRule): number | null {
  return within === null || date === null ? null : Math.floor(date + within.ms) + 1;
}

/** The earlier of two times; null stands for never. */
export function earliest(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}
