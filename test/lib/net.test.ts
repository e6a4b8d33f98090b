import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  classOfHost,
  formatHostPort,
  isLoopback,
  mayCollide,
  parseHostPort,
  parseListenAddress,
  peerOf,
} from "../../src/lib/net.ts";

describe("host and port", () => {
  const cases: readonly (readonly [text: string, host: string, port: number | null])[] = [
    ["127.0.0.1:50051", "127.0.0.1", 50_051],
    ["localhost:0", "localhost", 0],
    ["LOCALHOST:65535", "LOCALHOST", 65_535],
    ["[::1]:8080", "::1", 8_080],
    ["[0:0:0:0:0:0:0:1]:1", "0:0:0:0:0:0:0:1", 1],
    ["[::FFFF:127.0.0.1]:1", "::FFFF:127.0.0.1", 1],
    ["[fe80::1%eth0]:1", "fe80::1%eth0", 1],
    ["registry.example.org", "registry.example.org", null],
    ["registry.example.org.:443", "registry.example.org.", 443],
    ["my_registry:5000", "my_registry", 5_000],
    ["3scale.example", "3scale.example", null],
    ["[2001:db8::1]", "2001:db8::1", null],
  ];
  for (const [text, host, port] of cases) {
    test(`${text} is ${host} and ${port}`, () => {
      assert.deepEqual(parseHostPort(text), { host, port });
      assert.equal(formatHostPort({ host, port }), text);
    });
  }

  for (const text of [
    "",
    ":8080",
    "8080",
    "::1",
    "::1:8080",
    "127.0.0.1:65536",
    "127.0.0.1:99999",
    "127.0.0.1:-1",
    "127.0.0.1:",
    "[127.0.0.1]:1",
    "[localhost]:1",
    "[::x]:1",
    "[::1%]:1",
    "127.0.0.1%eth0:1",
    "1.2.3:4",
    "127.1:1",
    "0x7f.1:1",
    "example.0x7f000001",
    "256.1.1.1",
    "127.0.0.1.",
    "a..b",
    ".a",
    "-a.example",
    "a-.example",
    `${"a".repeat(64)}.example`,
    `${"a.".repeat(127)}`,
    "https://a.example",
    "user@a.example",
    "a.example/path",
    " a.example",
    "a example",
    "exämple.org",
  ]) {
    test(`${JSON.stringify(text)} is no host`, () => assert.equal(parseHostPort(text), null));
  }

  test("a server's address has a port", () => {
    assert.deepEqual(parseListenAddress("[::]:0"), { host: "::", port: 0 });
    for (const text of ["127.0.0.1", "[::1]", "", "x"]) assert.equal(parseListenAddress(text), null, text);
  });
});

describe("what a host can reach", () => {
  const cases = {
    loopback: [
      "127.0.0.1",
      "127.255.0.9",
      "::1",
      "[::1]",
      "0:0:0:0:0:0:0:1",
      "::ffff:127.0.0.1",
      "::FFFF:7F00:1",
      "[::ffff:7f00:1]",
      "::1%lo",
      "localhost",
      "LOCALHOST",
      "localhost.",
    ],
    "link-local": ["169.254.169.254", "fe80::1", "FE80::1%eth0", "::ffff:169.254.169.254"],
    private: [
      "10.1.2.3",
      "172.31.0.1",
      "192.168.0.1",
      "100.64.0.1",
      "fd00::1",
      "fec0::1",
      "::ffff:10.0.0.1",
      "64:ff9b::10.0.0.1",
      "64:ff9b::a9fe:a9fe",
      // Behind a translator, and not this machine.
      "64:ff9b::127.0.0.1",
    ],
    unspecified: ["0.0.0.0", "::", "[::]", "::ffff:0.0.0.0"],
    public: ["8.8.8.8", "172.32.0.1", "2001:db8::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"],
    name: ["example.org", "127.example.org", "localhost.example.org", "127.0.0.1.evil.test", ""],
  } as const;
  for (const [hostClass, hosts] of Object.entries(cases)) {
    test(`F42: ${hostClass}, however it is written`, () => {
      for (const host of hosts) assert.equal(classOfHost(host), hostClass, host);
      for (const host of hosts) assert.equal(isLoopback(host), hostClass === "loopback", host);
    });
  }
});

test("F65: two servers cannot have one address", () => {
  const collide = (one: string, other: string, ports: readonly [number, number] = [1, 1]) => {
    const addresses = [
      { host: one, port: ports[0] },
      { host: other, port: ports[1] },
    ] as const;
    assert.equal(mayCollide(addresses[0], addresses[1]), mayCollide(addresses[1], addresses[0]));
    return mayCollide(...addresses);
  };
  for (const [one, other] of [
    ["127.0.0.1", "127.0.0.1"],
    ["127.0.0.1", "::ffff:7f00:1"],
    ["::1", "0:0:0:0:0:0:0:1"],
    ["10.0.0.1", "0.0.0.0"],
    ["10.0.0.1", "::"],
    ["localhost", "127.0.0.1"],
    ["localhost", "localhost"],
    ["localhost", "0.0.0.0"],
    ["localhost", "a.example"],
    ["a.example", "10.0.0.1"],
  ] as const) {
    assert.ok(collide(one, other), `${one} ${other}`);
  }
  assert.ok(!collide("127.0.0.1", "127.0.0.2"));
  assert.ok(!collide("127.0.0.1", "::1"));
  assert.ok(!collide("localhost", "10.0.0.5"), "localhost is no other machine's name");
  assert.ok(!collide("127.0.0.1", "127.0.0.1", [1, 2]));
  assert.ok(!collide("127.0.0.1", "127.0.0.1", [0, 0]));
});

describe("whom an address counts for", () => {
  const cases: readonly (readonly [address: string, peer: string])[] = [
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["::FFFF:192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::9", "2001:db8:1:2::/64"],
    ["2001:db8::9", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["1::", "1:0:0:0::/64"],
    ["", ""],
  ];
  for (const [address, peer] of cases) {
    test(`${address} for ${peer}`, () => assert.equal(peerOf(address), peer));
  }
});
