import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultSet, defaultSource } from "../../src/domain/long-form.ts";

const IMAGES = {
  source: { type: "docker", registry: "r.example.org", repository: "a/b" },
  refreshInterval: 300_000,
  prepullTimeout: 600_000,
  recommendedTag: "recommended.1",
  numReleases: 1,
  numWeeklies: 2,
  numDailies: 0,
  cycle: 44,
  pin: ["w_2077_40"],
  aliasTags: ["latest_weekly", "recommended.1"],
} as const;

test("images is a source of SQR-059 tags whose aliases are those that it names", () => {
  const { scheme, aliases, refreshIntervalMs, connection } = defaultSource(IMAGES);
  assert.deepEqual(scheme, { name: "rubin", cycle: 44 });
  assert.deepEqual(aliases, [String.raw`recommended\.1`, "latest_weekly"]);
  assert.equal(refreshIntervalMs, 300_000);
  assert.equal(connection, IMAGES.source);
});

test("images is a set in display order: the recommended image, the newest of each class, the pins", () => {
  const nodes = { selector: { a: "b" }, expressions: [], tolerations: [] };
  const { rules, order, selector } = defaultSet(IMAGES, nodes);
  const written = rules.map((rule) =>
    rule.kind === "newest" ? `${rule.class} ${rule.newest}` : rule.kind === "alias" ? rule.alias : rule.pin.join(),
  );
  assert.deepEqual(written, ["recommended.1", "release 1", "weekly 2", "daily 0", "w_2077_40"]);
  assert.equal(order, "display");
  assert.equal(selector, nodes.selector);
  assert.equal(defaultSet({ ...IMAGES, pin: [] }, nodes).rules.length, 4);
});
