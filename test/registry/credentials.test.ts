import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  type Credentials,
  CredentialsFormError,
  findCredentials,
  parseCredentials,
} from "../../src/registry/auth/credentials.ts";
import { registryAddress } from "../../src/registry/oci/registry-address.ts";

function auth(name: string): { auth: string } {
  return { auth: Buffer.from(`${name}:pass:word`).toString("base64") };
}

function nameOf(credentials: Credentials | null): string | null {
  return credentials?.kind === "password" ? credentials.username : (credentials?.token ?? null);
}

/** Which entry is used for a repository, by the name in it. */
function chosen(auths: object, registry: string, repository = "lab/sketchbook"): string | null {
  const { credentialHosts, path } = registryAddress({ registry, repository });
  return nameOf(findCredentials(parseCredentials(JSON.stringify({ auths })).entries, credentialHosts, path));
}

const dockerHubNames = [
  "docker.io",
  "index.docker.io",
  "registry-1.docker.io",
  "registry.hub.docker.com",
  "hub.docker.com",
  "Docker.IO",
];

describe("credentials file", () => {
  it("reads every way of writing credentials down", () => {
    const { entries, namesHelper } = parseCredentials(
      JSON.stringify({
        auths: {
          "a.example": auth("a"),
          "b.example": { username: "b", password: "p", email: "x@y" },
          "c.example": { auth: "", identitytoken: "token", username: "c", password: "p" },
          "d.example": { auth: Buffer.from("no colon").toString("base64") },
          "e.example": { username: "only" },
          "f.example": null,
        },
        credsStore: "desktop",
      }),
    );
    assert.deepEqual(
      entries.map(({ host, credentials }) => [host, credentials]),
      [
        ["a.example", { kind: "password", username: "a", password: "pass:word" }],
        ["b.example", { kind: "password", username: "b", password: "p" }],
        ["c.example", { kind: "identity-token", username: "c", token: "token" }],
      ],
    );
    assert.equal(namesHelper, true);
    assert.deepEqual(parseCredentials("{}"), { entries: [], unusable: [], namesHelper: false });
  });

  it("F13: reads what docker, podman and Kubernetes write, and what people make of it", () => {
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const password = (username: string, text: string) => ({ kind: "password", username, password: text });
    const entries: readonly (readonly [object, unknown])[] = [
      [{ auth: "***", username: "u", password: "p" }, password("u", "p")],
      [{ auth: base64("no colon"), username: "u", password: "p" }, password("u", "p")],
      [{ auth: "", username: "u", password: "p" }, password("u", "p")],
      [{ auth: null, username: "u", password: "p" }, password("u", "p")],
      [{ auth: base64("u:p"), username: "other", password: "other" }, password("u", "p")],
      [{ auth: base64("u:p\n") }, password("u", "p")],
      [{ auth: base64("u:p\r\n") }, password("u", "p")],
      [{ auth: `${base64("u:p")}\n` }, password("u", "p")],
      [{ auth: base64("u:p\0\0") }, password("u", "p")],
      [{ auth: base64("u:ü?>") }, password("u", "ü?>")],
      [{ auth: Buffer.from("u:ü?>").toString("base64url") }, password("u", "ü?>")],
      [{ auth: base64("u:p").replace(/=+$/, "") }, password("u", "p")],
      [{ auth: base64(":p") }, password("", "p")],
      [{ password: "p" }, password("", "p")],
      [{ auth: base64("u:") }, password("u", "")],
      [{ auth: base64(":") }, null],
      [{}, null],
      [{ auth: 7, username: [], password: {} }, null],
      [{ identitytoken: "i" }, { kind: "identity-token", username: "<token>", token: "i" }],
      [
        { identitytoken: "i", auth: base64("u:") },
        { kind: "identity-token", username: "u", token: "i" },
      ],
      [{ registrytoken: "r" }, { kind: "registry-token", token: "r" }],
    ];
    for (const [entry, expected] of entries) {
      const [found] = parseCredentials(JSON.stringify({ auths: { "r.example": entry } })).entries;
      assert.deepEqual(found?.credentials ?? null, expected, JSON.stringify(entry));
    }
    const one = { "r.example": auth("x") };
    for (const text of [
      JSON.stringify(one),
      `\uFEFF${JSON.stringify({ auths: one })}`,
      `${JSON.stringify({ auths: one, credHelpers: {}, credsStore: "" })}\n`,
    ]) {
      const { entries: found, namesHelper } = parseCredentials(text);
      assert.deepEqual(
        found.map(({ host }) => host),
        ["r.example"],
      );
      assert.equal(namesHelper, false);
    }
    assert.deepEqual(parseCredentials('{"auths":null}').entries, []);
    assert.equal(parseCredentials('{"auths":{"r.example":{}},"credHelpers":{"r.example":"pass"}}').namesHelper, true);
  });

  it("refuses other files without quoting them", () => {
    for (const text of ["", "canary", "[]", "null", '{"auths":[]}', '{"auths":"canary"}']) {
      assert.throws(
        () => parseCredentials(text),
        (error) => error instanceof CredentialsFormError && !error.message.includes("canary"),
      );
    }
  });

  it("finds a registry by host, port, scheme, API version and letter case", () => {
    for (const key of [
      "r.example",
      "https://r.example",
      "https://r.example/v2/",
      "http://R.Example/v1",
      "r.example:443",
      "HTTPS://R.EXAMPLE/V2/",
      "Https://r.example:443/V1",
      "r.example.",
      "r.example.:443",
      "https://r.example./v2/",
      " r.example/ ",
    ]) {
      assert.equal(chosen({ [key]: auth("x") }, "r.example"), "x", key);
    }
    assert.equal(chosen({ "r.example": auth("x") }, "r.example:5000"), null);
    assert.equal(chosen({ "r.example:5000": auth("x") }, "r.example:5000"), "x");
    assert.equal(chosen({ "other.example": auth("x") }, "r.example"), null);
  });

  it("F10: knows Docker Hub by all its names", () => {
    for (const key of [
      "https://index.docker.io/v1/",
      "index.docker.io",
      "docker.io",
      "registry-1.docker.io",
      "docker.io/lab",
      "https://registry.hub.docker.com",
      "HTTPS://hub.docker.com/v2/",
    ]) {
      for (const registry of dockerHubNames) {
        assert.equal(chosen({ [key]: auth("hub") }, registry), "hub", `${key} for ${registry}`);
      }
    }
    assert.equal(chosen({ "docker.io/library": auth("hub") }, "docker.io", "alpine"), "hub");
    assert.equal(chosen({ "https://index.docker.io/v1/": auth("hub") }, "docker.io.example"), null);
  });

  it("prefers the host to patterns, patterns to parent domains, and longer paths", () => {
    const auths = {
      "r.example": auth("host"),
      "r.example/lab": auth("path"),
      "r.example/lab/sketch": auth("other path"),
      "*.example": auth("pattern"),
      example: auth("top"),
    };
    assert.equal(chosen(auths, "r.example"), "path");
    assert.equal(chosen(auths, "r.example", "labs/sketchbook"), "host");
    assert.equal(chosen(auths, "q.example"), "pattern");
    assert.equal(chosen({ "a.example": auth("near"), "b.a.example": auth("nearer") }, "c.b.a.example"), "nearer");
    assert.equal(chosen({ "a.example:5000": auth("near") }, "b.a.example:5000"), "near");
  });

  it("sends nothing to hosts that merely look alike", () => {
    const cases: [string, string][] = [
      ["example", "r.example"],
      ["r.example", "evil-r.example"],
      ["r.example", "r.example.evil.test"],
      ["a.r.example", "r.example"],
      ["0.0.1", "127.0.0.1"],
      ["*.0.0.1", "127.0.0.1"],
      ["*", "r.example"],
      ["*.a.example", "c.b.a.example"],
      ["r.example/lab", "r.example/labs"],
    ];
    for (const [key, target] of cases) {
      const [registry = "", repository = "lab"] = target.split("/");
      assert.equal(chosen({ [key]: auth("leak") }, registry, repository), null, `${key} for ${target}`);
    }
  });

  it("never fits a host that is neither the key's nor below it", () => {
    const label = fc.constantFrom("a", "b", "example", "r");
    const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
    fc.assert(
      fc.property(host, host, (key, registry) => {
        const found = chosen({ [key]: auth("x") }, registry) !== null;
        const below = registry.endsWith(`.${key}`) && key.includes(".");
        assert.equal(found, registry === key || below);
      }),
    );
  });
});
