import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, test } from "node:test";
import type { Credentials } from "../../src/access/authorizer.ts";
import { certificateNames } from "../../src/access/certificate-names.ts";
import { requirementOf } from "../../src/access/permissions.ts";
import { KubernetesUnavailableError, PermissionDeniedError, UnauthenticatedError } from "../../src/domain/errors.ts";
import { SERVED_METHODS } from "../../src/grpc/server/contract.ts";
import { createCertificateAuthority } from "../cluster/certificates.ts";
import { accountName, callerWorld, tokenOf } from "../support/callers.ts";
import { manualClock } from "../support/manual-clock.ts";

const READER = { kind: "account", name: accountName("reader"), permissions: ["read"] } as const;

function credentialsOf(token: string, changes: Partial<Credentials> = {}): Credentials {
  return { authorization: `Bearer ${token}`, certificate: null, peer: "10.0.0.1", isExposed: false, ...changes };
}

function worldOf() {
  const clock = manualClock(Date.now());
  const world = callerWorld([READER], {}, clock);
  const token = tokenOf("reader");
  world.accounts.set(token, READER.name);
  const call = async (given: string, changes?: Partial<Credentials>) =>
    await world.authorizer.authorize(credentialsOf(given, changes), "read", "GetMenu");
  return { ...world, world, clock, token, call };
}

test("G7: a token is reviewed once a minute, and not after its end", async () => {
  const { call, token, clock, reviewed, accounts } = worldOf();
  assert.deepEqual([...(await call(token)).permissions], ["read"]);
  await clock.advance(59_000);
  await call(token);
  assert.equal(reviewed.length, 1);
  await clock.advance(2_000);
  accounts.clear();
  await assert.rejects(call(token), UnauthenticatedError);
  const short = tokenOf("short", clock.wallTime() + 5_000);
  accounts.set(short, READER.name);
  await call(short);
  await clock.advance(6_000);
  await assert.rejects(call(short), UnauthenticatedError);
  assert.equal(reviewed.length, 3, "its end is not asked for again");
});

test("G7: refused tokens are kept for ten seconds, apart from the others, and cannot displace them", async () => {
  const { call, token, clock, reviewed } = worldOf();
  await call(token);
  for (let number = 0; number < 1_500; number++) {
    await assert.rejects(call(tokenOf(`forged ${number}`)), UnauthenticatedError);
  }
  const before = reviewed.length;
  await call(token);
  await assert.rejects(call(tokenOf("forged 1499")), UnauthenticatedError);
  assert.equal(reviewed.length, before);
  await clock.advance(11_000);
  await assert.rejects(call(tokenOf("forged 1499")), UnauthenticatedError);
  assert.equal(reviewed.length, before + 1);
});

test("G7: reviews are bounded and shared among peers", async () => {
  const { world, call, reviewed } = worldOf();
  const { promise, resolve } = Promise.withResolvers<void>();
  world.hold = promise;
  const flood = Array.from({ length: 100 }, (_, number) => call(tokenOf(`forged ${number}`), { peer: "10.0.0.9" }));
  const ends = Promise.allSettled(flood);
  const neighbour = call(tokenOf("unknown"));
  assert.equal(reviewed.length, 65, "64 at once, of which one has given way");
  resolve();
  await assert.rejects(neighbour, UnauthenticatedError);
  const refused = (await ends).filter(
    (end) => end.status === "rejected" && end.reason instanceof KubernetesUnavailableError,
  );
  assert.ok(refused.length >= 36, String(refused.length));
});

test("denials are logged once a minute for each caller, with who and why, and never with a token", async () => {
  const { world, call, token, clock, accounts, log } = worldOf();
  accounts.set(tokenOf("stranger"), accountName("stranger"));
  for (let time = 0; time < 3; time++) {
    await assert.rejects(call("none"), UnauthenticatedError);
    await assert.rejects(call(tokenOf("stranger")), PermissionDeniedError);
  }
  assert.deepEqual(
    log.map(({ level, message, fields }) => [level, message, fields["caller"]]),
    [
      ["warn", "call denied", "10.0.0.1"],
      ["warn", "call denied", accountName("stranger")],
    ],
  );
  await clock.advance(61_000);
  await assert.rejects(call("none"), UnauthenticatedError);
  assert.equal(log.length, 3);
  await call(token);
  assert.deepEqual(new Set(world.outcomes), new Set(["unauthenticated", "denied", "allowed"]));
  assert.ok(!JSON.stringify(log).includes(token.slice(0, 30)));
});

test("a token that others can read is refused, whatever it is", async () => {
  const { call, token, reviewed } = worldOf();
  await assert.rejects(call(token, { isExposed: true }), /over TLS and on loopback alone/);
  assert.equal(reviewed.length, 0);
});

describe("methods and permissions", () => {
  test("every method that is served is in the table, and nothing else is allowed", () => {
    for (const method of SERVED_METHODS) assert.notEqual(requirementOf(`/${method}`, []), undefined, method);
    assert.equal(requirementOf("/labimages.v1.ImageService/Drop", ["health", "reflection"]), undefined);
    assert.equal(requirementOf("/labimages.v1.ImageService/GetMenu", ["health", "reflection"]), "read");
    assert.equal(requirementOf("/grpc.health.v1.Health/Check", ["health"]), null);
    assert.equal(requirementOf("/grpc.health.v1.Health/Check", []), "any");
  });
});

describe("names of certificates", () => {
  const authority = createCertificateAuthority("clients");
  const namesOf = (names: readonly string[]) =>
    certificateNames(new X509Certificate(authority.issueClientCertificate(names).certificatePem));

  test("are the alternative names of each kind, and not the common name", () => {
    assert.deepEqual(namesOf(["Hub.example.org", "spiffe://example.org/a", "10.0.0.1"]), [
      "hub.example.org",
      "spiffe://example.org/a",
      "10.0.0.1",
    ]);
    assert.deepEqual(namesOf([]), []);
  });

  test("cannot be forged by separators within a name", () => {
    assert.deepEqual(namesOf(["urn:a, DNS:hub.example.org"]), ["urn:a, DNS:hub.example.org"]);
    assert.deepEqual(namesOf(['urn:a", URI:"urn:b']), ['urn:a", URI:"urn:b']);
  });
});
