import assert from "node:assert/strict";
import { test } from "node:test";
import { isLocalHost, isLoopbackAddress } from "../../src/http/host-check.ts";

test("loopback addresses are 127.0.0.0/8 and ::1, however they are written", () => {
  for (const address of ["127.0.0.1", "127.255.0.9", "::1", "0:0:0:0:0:0:0:1"])
    assert.ok(isLoopbackAddress(address), address);
  for (const address of ["0.0.0.0", "::", "10.1.2.3", "localhost", ""]) assert.ok(!isLoopbackAddress(address), address);
});

test("a request without Host is from no browser of ours", () => {
  assert.equal(isLocalHost(undefined), false);
});
