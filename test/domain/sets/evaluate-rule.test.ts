import assert from "node:assert/strict";
import { test } from "node:test";
import { runToCompletion } from "../../../src/domain/cooperative.ts";
import { createCalverScheme } from "../../../src/domain/schemes/calver.ts";
import type { TagScheme } from "../../../src/domain/schemes/scheme.ts";
import { createSemverScheme } from "../../../src/domain/schemes/semver.ts";
import { createTagReader } from "../../../src/domain/schemes/tag-reader.ts";
import { evaluateRule, type RuleOutcome } from "../../../src/domain/sets/evaluate-rule.ts";
import type { SourceEntry, SourceView } from "../../../src/domain/sets/source-view.ts";
import type { NewestRule, Rule } from "../../../src/domain/settings.ts";

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 27);

/** Tags with the names of their digests; null where the registry has not been asked. */
type Listed = Readonly<Record<string, string | null>>;

function viewOf(scheme: TagScheme, listed: Listed, asksForDigests = true): SourceView<SourceEntry> {
  const reader = createTagReader({ scheme, ignore: [], aliases: [], aliasTags: new Set(["latest"]) });
  const listing = Object.keys(listed).map((tag) => ({ tag, digest: null, sizeBytes: null }));
  const { tags } = runToCompletion(reader.read(listing, null));
  const entries = [...tags.values()]
    .sort((a, b) => scheme.compare(a, b))
    .map((tag): SourceEntry => ({ parsed: tag, tag, digest: listed[tag.tag] ?? null, platforms: null }));
  const byTag = new Map(entries.map((entry) => [entry.parsed.tag, entry]));
  return { name: "s", scheme, entries, byTag, asksForDigests };
}

function newest(changes: Partial<NewestRule> = {}): NewestRule {
  return {
    kind: "newest",
    source: "s",
    newest: 1,
    class: null,
    range: null,
    within: null,
    since: null,
    variant: null,
    newestPer: null,
    until: null,
    ...changes,
  };
}

function evaluate(rule: Rule, view: SourceView<SourceEntry>, now = NOW): RuleOutcome<SourceEntry> {
  return runToCompletion(evaluateRule(rule, view, "rules", now));
}

function tagsOf(outcome: RuleOutcome<SourceEntry>): readonly string[] {
  return outcome.wanted.map(({ parsed }) => parsed.tag);
}

const calver = createCalverScheme("YYYY-MM-DD");

test("a version all of whose digests came with newer ones does not count", () => {
  const view = viewOf(calver, { "2026-11-04": "a", "2026-11-03": "b", "2026-11-02": "b", "2026-11-01": "c" });
  assert.deepEqual(tagsOf(evaluate(newest({ newest: 3 }), view)), [
    "2026-11-04",
    "2026-11-03",
    "2026-11-02",
    "2026-11-01",
  ]);
});

test("a tag whose digest is not known counts as a version of its own", () => {
  const view = viewOf(calver, { "2026-11-04": null, "2026-11-03": null, "2026-11-02": null });
  assert.deepEqual(tagsOf(evaluate(newest({ newest: 2 }), view)), ["2026-11-04", "2026-11-03"]);
});

test("tags that differ in variant alone are one version, and all of them are wanted", () => {
  const view = viewOf(calver, { "2026-11-04": "a", "2026-11-04-cuda": "b", "2026-11-03-cuda": "c" });
  assert.deepEqual(tagsOf(evaluate(newest({ variant: ["*"] }), view)), ["2026-11-04", "2026-11-04-cuda"]);
  assert.deepEqual(tagsOf(evaluate(newest({ variant: ["cu*"] }), view)), ["2026-11-04-cuda"]);
  assert.deepEqual(tagsOf(evaluate(newest(), view)), ["2026-11-04"]);
  assert.deepEqual(tagsOf(evaluate(newest({ newestPer: "variant" }), view)), ["2026-11-04", "2026-11-04-cuda"]);
});

test("at most 3N + 10 tags are looked at to count versions by digest, where each digest costs a request", () => {
  const days = Array.from({ length: 28 }, (_, day) => `2026-01-${String(28 - day).padStart(2, "0")}`);
  const listed = Object.fromEntries(days.map((tag) => [tag, "same"]));
  const cut = evaluate(newest({ newest: 2 }), viewOf(calver, listed));
  assert.deepEqual(tagsOf(cut), days.slice(0, 16));
  assert.match(cut.shortfall ?? "", /fewer than 2/);
  const whole = evaluate(newest({ newest: 2 }), viewOf(calver, listed, false));
  assert.deepEqual([tagsOf(whole), whole.shortfall], [days, null]);
});

test("within: what is exactly that old counts, and the outcome changes a moment later", () => {
  const view = viewOf(calver, { "2026-11-26": "a", "2026-11-20": "b" });
  const rule = newest({ newest: 9, within: { ms: 7 * DAY, text: "7d" } });
  const outcome = evaluate(rule, view);
  assert.deepEqual([tagsOf(outcome), outcome.changesAt], [["2026-11-26", "2026-11-20"], NOW + 1]);
  assert.deepEqual(tagsOf(evaluate(rule, view, NOW + 1)), ["2026-11-26"]);
});

test("a rule wants nothing from until on", () => {
  const view = viewOf(calver, { "2026-11-26": "a" });
  const rule = newest({ until: { ms: NOW + DAY, text: "2026-11-27" } });
  const outcome = evaluate(rule, view);
  assert.deepEqual([tagsOf(outcome), outcome.changesAt], [["2026-11-26"], NOW + DAY]);
  assert.deepEqual(tagsOf(evaluate(rule, view, NOW + DAY)), []);
});

test("pins are wanted in the order written, whatever their class, and those that are missing are named", () => {
  const view = viewOf(calver, { latest: "a", other: "b", "2026-11-26": "c" });
  const pin = ["other", "gone", "2026-11-26", "other"];
  const outcome = evaluate({ kind: "pin", source: "s", pin, until: null }, view);
  assert.deepEqual(tagsOf(outcome), ["other", "2026-11-26"]);
  assert.equal(outcome.shortfall, "the registry has no tag gone");
});

test("prereleases count with a range that names one, or by their class", () => {
  const view = viewOf(createSemverScheme(), { "2.0.0-rc.1": "a", "1.1.0": "b", "1.0.0": "c" });
  assert.deepEqual(tagsOf(evaluate(newest(), view)), ["1.1.0"]);
  assert.deepEqual(tagsOf(evaluate(newest({ range: ">=1.0.0-0" }), view)), ["2.0.0-rc.1"]);
  assert.deepEqual(tagsOf(evaluate(newest({ class: "prerelease" }), view)), ["2.0.0-rc.1"]);
  assert.deepEqual(tagsOf(evaluate(newest({ newest: 9, newestPer: "minor" }), view)), ["1.1.0", "1.0.0"]);
});

test("aliases, other tags and zero versions are never counted", () => {
  const view = viewOf(calver, { latest: "a", other: "b" });
  const outcome = evaluate(newest(), view);
  assert.deepEqual([tagsOf(outcome), outcome.shortfall], [[], "no tag of the registry matches"]);
  assert.deepEqual(evaluate(newest({ newest: 0 }), view), {
    wanted: [],
    missing: [],
    shortfall: null,
    changesAt: null,
  });
});
