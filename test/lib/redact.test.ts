import assert from "node:assert/strict";
import { test } from "node:test";
import { quotePeer, redactSecrets } from "../../src/lib/redact.ts";

const SECRETS: readonly string[] = [
  "https://user:hunter2@registry.example.org/v2/",
  "Authorization: Basic aHVudGVyMjpodW50ZXIy",
  "authorization: bearer hunter2-abc.def",
  'posted {"identitytoken":"hunter2","x":1}',
  '{"auth": "aHVudGVyMjpodW50ZXIy"}',
  '{\\"password\\":\\"hunter2\\"}',
  "GET /token?service=x&access_token=hunter2&scope=y",
  "client_secret=hunter2;",
  "https://hooks.slack.com/services/T000/B000/hunter2",
  "jwt eyJhbGciOiJIUzI1NiJ9.eyJodW50ZXIyIjoxfQ.hunter2abc",
  "X-Goog-Signature=hunter2",
  'Authorization: Digest username="hunter2", realm="r", nonce="hunter2", response="hunter2"',
  "the token: hunter2",
];

for (const secret of SECRETS) {
  test(`no secret is left of ${secret.slice(0, 30)}…`, () => {
    const text = redactSecrets(secret);
    assert.doesNotMatch(text, /hunter2|aHVudGVy|eyJodW50/);
    assert.match(text, /\[redacted\]/);
    assert.equal(redactSecrets(text), text);
  });
}

test("plain prose is left alone", () => {
  const prose =
    "the registry asks for Basic authentication; 404 for tag w_2077_43 at https://r.example.org/v2/a/b?n=100";
  assert.equal(redactSecrets(prose), prose);
});

test("F75: the digest of an image is no credential, nor is what is said of a token", () => {
  for (const prose of [
    "unexpected commit digest sha256:140b571c2358, expected sha256:cd: failed precondition",
    "content digest sha256:140b571c235813a8eb5ba7f5f474f8852eef0218d4e5efe99801351d4c76aa6b: not found",
    "filesystem layer verification failed for digest sha256:c3d73fc284d6",
    "failed to fetch anonymous token: unexpected status from GET request: 401 Unauthorized",
    "Digest did not match, expected sha256:259ad5, got sha256:3902e0",
  ]) {
    assert.equal(redactSecrets(prose), prose);
  }
});

test("long text is cut, and costs no more than its length", () => {
  const text = redactSecrets("a.".repeat(1_000_000));
  assert.equal(text.length, 16_385);
  assert.ok(redactSecrets("http://".repeat(3_000)).length < 30_000);
});

test("F53b: what a peer says is quoted on one line, without secrets, in 200 characters with its beginning and its end", () => {
  const long = quotePeer(`begin ${"x".repeat(30_000)}\r\n`);
  assert.equal(long.length, 200);
  assert.match(long, /^begin x+…/);
  const chain = quotePeer(`failed to pull\n${"a: ".repeat(100)}Authorization: Bearer hunter2-abc.def no space left`);
  assert.match(chain, /^failed to pull a: .*… a: .*Authorization: Bearer \[redacted\] no space left$/);
  assert.ok(chain.length <= 200);
  assert.equal(quotePeer(" as it is "), "as it is");
  assert.ok(quotePeer(`${"x".repeat(118)}\u{1F600}${"\u{1F600}".repeat(200)}`).isWellFormed());
});
