import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { DropdownPolicy, FilterPolicy } from "../../src/domain/settings.ts";
import type { Snapshot } from "../../src/domain/snapshot/snapshot.ts";
import { digest, listing, nextSnapshot, nodeReport, PREFIX, snapshotOf, tableOf } from "../support/image-world.ts";
import { anyDropdown, anyListing, anySettings, WORLD_TIME } from "../support/world-arbitrary.ts";

const DAY = 86_400_000;
const NO_LIMIT: FilterPolicy = { number: null, age: null, cutoffBuild: null, cutoffDate: null, cutoffVersion: null };

function menuNames(snapshot: Snapshot, now = 0): readonly string[] {
  return snapshot.menu(now).menu.map(({ image }) => image.displayName);
}

function dropdownNames(snapshot: Snapshot, now = 0): readonly string[] {
  return snapshot.menu(now).dropdown.map(({ image }) => image.displayName);
}

const TAGS = listing(["recommended", "a"], ["w_2077_43", "a"], ["w_2077_42", "b"], ["d_2077_10_23", "c"]);
const SET = { numWeeklies: 2, numDailies: 1 };

test("the menu has the recommended image first, pulled or not, then what is on every node", () => {
  const nodes = [nodeReport("n1", { images: { b: 1, c: 1 } }), nodeReport("n2", { images: { c: 1 } })];
  const snapshot = snapshotOf({ settings: SET, tags: TAGS, nodes });
  assert.deepEqual(menuNames(snapshot), ["Recommended (Weekly 2077_43)", "Daily 2077_10_23"]);
});

test("a menu entry is the reference with digest and the name", () => {
  const snapshot = snapshotOf({ settings: SET, tags: TAGS });
  const [first] = snapshot.menu(0).menu;
  assert.equal(first?.image.pullReference, `${PREFIX}recommended@${digest("a")}`);
  assert.equal(first.image.displayName, "Recommended (Weekly 2077_43)");
});

test("without any node that they belong on, all images of the set are in the menu", () => {
  const names = ["Recommended (Weekly 2077_43)", "Weekly 2077_42", "Daily 2077_10_23"];
  assert.deepEqual(menuNames(snapshotOf({ settings: SET, tags: TAGS })), names);
});

test("the recommended image stays first where it is what another alias stands for", () => {
  const settings = { recommendedTag: "w_2077_42", numWeeklies: 2, pin: ["zebra"] };
  const tags = listing(["w_2077_43", "a"], ["w_2077_42", "b"], ["zebra", "b"]);
  assert.deepEqual(menuNames(snapshotOf({ settings, tags })), [
    "Weekly 2077_42",
    "Zebra (Weekly 2077_42)",
    "Weekly 2077_43",
  ]);
});

test("an alias outside the set takes nothing out of the menu", () => {
  const tags = listing(["zebra", "a"], ["w_2077_43", "a"]);
  assert.deepEqual(menuNames(snapshotOf({ settings: SET, tags })), ["Weekly 2077_43"]);
});

test("without a recommended image the menu has the others", () => {
  assert.deepEqual(menuNames(snapshotOf({ settings: SET, tags: listing(["w_2077_43", "a"]) })), ["Weekly 2077_43"]);
});

test("the dropdown has what lists show and the filter lets pass, in display order", () => {
  const tags = [...TAGS, ...listing(["w_2077_41"], ["w_2077_43-amd64", "d"], ["zebra", "e"])];
  const dropdown = { weekly: { ...NO_LIMIT, number: 2 }, daily: { ...NO_LIMIT, number: 0 } };
  assert.deepEqual(dropdownNames(snapshotOf({ settings: SET, tags, dropdown })), [
    "Recommended (Weekly 2077_43)",
    "Weekly 2077_43",
    "Weekly 2077_42",
    "zebra",
  ]);
});

test("the filter takes an unknown tag that has become an alias for one: it always passes", () => {
  const dropdown = { weekly: { ...NO_LIMIT, number: 0 } };
  assert.deepEqual(dropdownNames(snapshotOf({ tags: listing(["zebra", "a"], ["w_2077_43", "a"]), dropdown })), [
    "Zebra (Weekly 2077_43)",
  ]);
});

const AGEING: DropdownPolicy = { daily: { ...NO_LIMIT, age: 2 * DAY } };

test("a tag leaves the dropdown when it is older than its limit, and not before", () => {
  const tags = listing(["d_2077_10_23", "a"], ["d_2077_10_22", "b"]);
  const snapshot = snapshotOf({ tags, dropdown: AGEING });
  const limit = Date.UTC(2077, 9, 24);
  const both = snapshot.menu(limit - 5);
  assert.equal(both.dropdown.length, 2);
  assert.equal(snapshot.menu(limit), both, "the same menu until something differs");
  assert.deepEqual(dropdownNames(snapshot, limit + 1), ["Daily 2077_10_23"]);
  assert.deepEqual(dropdownNames(snapshot, limit + DAY), ["Daily 2077_10_23"]);
  assert.deepEqual(dropdownNames(snapshot, limit + DAY + 1), []);
  assert.deepEqual(dropdownNames(snapshot, limit + 99 * DAY), []);
});

test("a clock that steps back brings tags back", () => {
  const snapshot = snapshotOf({ tags: listing(["d_2077_10_23", "a"]), dropdown: AGEING });
  const limit = Date.UTC(2077, 9, 25);
  assert.deepEqual(dropdownNames(snapshot, limit + 1), []);
  assert.deepEqual(dropdownNames(snapshot, limit), ["Daily 2077_10_23"]);
});

test("nodes that change nothing in the images leave the menu as it was", () => {
  const first = snapshotOf({ settings: SET, tags: TAGS, nodes: [nodeReport("n1")], dropdown: AGEING });
  const before = first.menu(0);
  const second = nextSnapshot(first, { table: tableOf([nodeReport("n1", { images: { other: 1 } })]) });
  assert.equal(second.menu(1), before);
});

test("at every moment the menu is the one that a new snapshot would make", () => {
  const times = fc.array(fc.integer({ min: -3 * DAY, max: 40 * DAY }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(anySettings, anyListing, anyDropdown, times, (settings, [tags], dropdown, offsets) => {
      const snapshot = snapshotOf({ settings, tags, dropdown });
      for (const offset of offsets) {
        const now = WORLD_TIME + offset;
        assert.deepEqual(snapshot.menu(now), snapshotOf({ settings, tags, dropdown }).menu(now));
      }
    }),
  );
});
