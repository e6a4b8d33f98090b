import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Challenge, parseChallenges } from "../../src/registry/auth/challenge.ts";

function plain(challenges: readonly Challenge[]): unknown {
  return challenges.map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
}

describe("WWW-Authenticate", () => {
  it("reads what registries send", () => {
    const cases: [string, unknown][] = [
      [
        'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/alpine:pull"',
        [
          [
            "bearer",
            {
              realm: "https://auth.docker.io/token",
              service: "registry.docker.io",
              scope: "repository:library/alpine:pull",
            },
          ],
        ],
      ],
      ['Basic realm="Sonatype Nexus, the manager"', [["basic", { realm: "Sonatype Nexus, the manager" }]]],
      ['BEARER Realm = "a" ,\tSCOPE=b', [["bearer", { realm: "a", scope: "b" }]]],
    ];
    for (const [header, expected] of cases) assert.deepEqual(plain(parseChallenges([header])), expected, header);
  });

  it("keeps commas and escapes inside quotes, and parts challenges outside of them", () => {
    const header =
      'Negotiate, Bearer scope="repository:a:pull,push",realm="say \\"hi\\", \\\\ all", Basic realm="x, Digest y"';
    assert.deepEqual(plain(parseChallenges([header])), [
      ["negotiate", {}],
      ["bearer", { scope: "repository:a:pull,push", realm: 'say "hi", \\ all' }],
      ["basic", { realm: "x, Digest y" }],
    ]);
  });

  it("steps over a token68, counts the first of two like names, and stops at what it cannot read", () => {
    assert.deepEqual(plain(parseChallenges(["Negotiate YII/abc==, Basic realm=r"])), [
      ["negotiate", {}],
      ["basic", { realm: "r" }],
    ]);
    assert.deepEqual(plain(parseChallenges(["Bearer realm=a, realm=b"])), [["bearer", { realm: "a" }]]);
    assert.deepEqual(plain(parseChallenges(['Basic realm="r", Bearer realm="never closed'])), [
      ["basic", { realm: "r" }],
      ["bearer", {}],
    ]);
    assert.deepEqual(plain(parseChallenges(["Bearer=x"])), []);
    assert.deepEqual(plain(parseChallenges([""])), []);
    assert.deepEqual(plain(parseChallenges(["é"])), []);
    assert.deepEqual(plain(parseChallenges(["Bearer __proto__=x"])), [
      ["bearer", Object.fromEntries([["__proto__", "x"]])],
    ]);
  });

  const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/);
  const value = fc.string({ unit: fc.constantFrom(...'abc ,;="\\:/\t\u00e9'), maxLength: 20 });
  const challenge = fc.tuple(
    token,
    fc.uniqueArray(fc.tuple(token, value), { selector: ([name]) => name.toLowerCase() }),
  );

  it("parse and print agree", () => {
    const print = ([scheme, parameters]: [string, [string, string][]]) =>
      `${scheme} ${parameters.map(([name, text]) => `${name}="${text.replace(/["\\]/g, "\\$&")}"`).join(", ")}`.trim();
    fc.assert(
      fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
        const expected = challenges.map(([scheme, parameters]) => [
          scheme.toLowerCase(),
          Object.fromEntries(parameters.map(([name, text]) => [name.toLowerCase(), text])),
        ]);
        assert.deepEqual(plain(parseChallenges([challenges.map(print).join(", ")])), expected);
      }),
    );
  });

  it("ends, in time, for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'aB=",\\ \t;é'), maxLength: 400 }), (text) => {
        for (const { scheme } of parseChallenges([text])) assert.notEqual(scheme, "");
      }),
    );
    const started = performance.now();
    parseChallenges([`Bearer ${'a="'.repeat(20_000)}`]);
    parseChallenges(["a ".repeat(20_000)]);
    parseChallenges([`Bearer ${"\\".repeat(60_000)}`]);
    assert.ok(performance.now() - started < 2_000);
  });
});
