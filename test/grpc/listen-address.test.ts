import assert from "node:assert/strict";
import { test } from "node:test";
import { isLoopback, ListenError, parseListenAddress } from "../../src/grpc/server/listen-address.ts";

test("addresses are host and port", () => {
  assert.deepEqual(parseListenAddress("127.0.0.1:50051"), { host: "127.0.0.1", port: 50_051 });
  assert.deepEqual(parseListenAddress("[::1]:0"), { host: "::1", port: 0 });
  assert.deepEqual(parseListenAddress("localhost:65535"), { host: "localhost", port: 65_535 });
});

test("everything else is refused with what was expected", () => {
  for (const text of [
    "",
    "50051",
    ":50051",
    "127.0.0.1",
    "::1:50051",
    "127.0.0.1:65536",
    "[localhost]:1",
    "a:b",
    "a:-1",
  ]) {
    assert.throws(() => parseListenAddress(text), ListenError, text);
  }
  assert.throws(() => parseListenAddress("x"), /grpc\.listen is "x"; expected host:port/);
});

test("loopback is what nobody else can reach", () => {
  for (const host of ["127.0.0.1", "127.8.9.10", "::1", "localhost"]) assert.ok(isLoopback(host), host);
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.example.org", "localhost.example.org", "::ffff:10.0.0.1"]) {
    assert.ok(!isLoopback(host), host);
  }
});
