import assert from "node:assert/strict";
import { test } from "node:test";
import { isLoopback, parseListenAddress } from "../../src/config/address.ts";

test("host and port are taken apart, an IPv6 address out of its brackets", () => {
  assert.deepEqual(parseListenAddress("127.0.0.1:50051"), { host: "127.0.0.1", port: 50_051 });
  assert.deepEqual(parseListenAddress(" localhost:0 "), { host: "localhost", port: 0 });
  assert.deepEqual(parseListenAddress("[::1]:8080"), { host: "::1", port: 8_080 });
});

for (const text of [
  "",
  "8080",
  ":8080",
  "::1:8080",
  "127.0.0.1",
  "127.0.0.1:65536",
  "[127.0.0.1]:1",
  "[::x]:1",
  "1.2.3:4",
]) {
  test(`${JSON.stringify(text)} is no address to listen on`, () => {
    assert.equal(parseListenAddress(text), null);
  });
}

test("loopback is 127.0.0.0/8, ::1 and localhost", () => {
  const hosts = ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LocalHost"];
  for (const host of hosts) assert.equal(isLoopback({ host, port: 1 }), true, host);
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "example.org"])
    assert.equal(isLoopback({ host, port: 1 }), false, host);
});
