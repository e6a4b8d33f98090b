import assert from "node:assert/strict";
import { test } from "node:test";
import { isLocalHost } from "../../src/http/host-check.ts";

test("a request without Host is from no browser of ours", () => {
  for (const host of [undefined, "", ":80"]) assert.equal(isLocalHost(host), false, host);
});
