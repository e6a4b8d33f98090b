import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isLaterVersion } from "../../src/kubernetes/client/resource-version.ts";

describe("resource versions", () => {
  it("are compared as integers of any length", () => {
    assert.ok(isLaterVersion("10", "9"));
    assert.ok(isLaterVersion("90071992547409931", "90071992547409930"));
    assert.ok(!isLaterVersion("9", "10"));
    assert.ok(!isLaterVersion("10", "10"));
  });

  it("are not later where one of them is no integer", () => {
    for (const other of ["", "0", "01", "x", "-1", "1.5", "1e9", "9".repeat(40)]) {
      assert.ok(!isLaterVersion(other, "1"), other);
      assert.ok(!isLaterVersion("2", other), other);
    }
  });
});
