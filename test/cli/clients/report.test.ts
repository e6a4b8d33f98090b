import assert from "node:assert/strict";
import { test } from "node:test";
import { printable, table, writeJson } from "../../../src/cli/clients/report.ts";

test("a table has its columns under each other, and says where there is nothing", () => {
  const rows = [
    ["a", "long cell", ""],
    ["bb", "x", "y"],
  ];
  assert.equal(
    table(["ONE", "TWO", "THREE"], rows, "none"),
    "ONE  TWO        THREE\na    long cell\nbb   x          y",
  );
  assert.equal(table(["ONE"], [], "none"), "none");
});

test("nothing that comes from elsewhere steers the terminal", () => {
  assert.equal(printable("a\u001b[2Jb\nc\u202ed"), "a?[2Jb?c?d");
  assert.equal(table(["ONE"], [["\u001b[2J"]], ""), "ONE\n?[2J");
});

test("times and durations are written as the proto3 mapping has them", () => {
  const refreshTime = { seconds: 3_402_000_000, nanos: 500_000_000 };
  const written = writeJson({
    refreshTime,
    refreshInterval: { seconds: 90, nanos: 500_000_000 },
    _cycle: "cycle",
    none: null,
  });
  assert.deepEqual(JSON.parse(written), {
    refreshTime: "2077-10-21T00:00:00.500Z",
    refreshInterval: "90.5s",
    none: null,
  });
});
