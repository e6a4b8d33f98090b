import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hostWithPort, mayCarrySecrets, registryAddress } from "../../src/registry/oci/registry-address.ts";

const repository = "lab/sketchbook";

describe("registry address", () => {
  it("takes https, and plain http for loopback or where it is asked for", () => {
    const cases: [string, boolean | undefined, string][] = [
      ["r.example", undefined, "https://r.example"],
      ["r.example:5000", undefined, "https://r.example:5000"],
      ["r.example", true, "http://r.example"],
      ["localhost:5000", undefined, "http://localhost:5000"],
      ["127.0.0.1:5000", undefined, "http://127.0.0.1:5000"],
      ["[::1]:5000", undefined, "http://[::1]:5000"],
      ["127.0.0.1:5000", false, "https://127.0.0.1:5000"],
      ["LOCALHOST:5000", undefined, "http://localhost:5000"],
      ["[0:0:0:0:0:0:0:1]:5000", undefined, "http://[::1]:5000"],
      ["[::ffff:127.0.0.1]:5000", undefined, "http://[::ffff:7f00:1]:5000"],
      ["127.0.0.1.evil.test", undefined, "https://127.0.0.1.evil.test"],
    ];
    for (const [registry, insecure, origin] of cases) {
      assert.equal(registryAddress({ registry, repository, insecure }).origin, origin);
    }
  });

  it("F10: knows Docker Hub by all its names, and keeps the one that is configured", () => {
    for (const registry of [
      "docker.io",
      "index.docker.io",
      "registry-1.docker.io",
      "registry.hub.docker.com",
      "hub.docker.com",
      "REGISTRY.HUB.DOCKER.COM",
      "docker.io:443",
    ]) {
      const address = registryAddress({ registry, repository: "lsstsqre/sciplat-lab" });
      assert.equal(address.origin, "https://registry-1.docker.io", registry);
      assert.equal(address.registry, registry);
      assert.ok(address.realmHosts.has("auth.docker.io:443"));
      assert.equal(registryAddress({ registry, repository: "alpine" }).path, "library/alpine");
    }
    for (const registry of ["docker.com", "hub.docker.com.evil.test", "docker.io:5000"]) {
      assert.notEqual(registryAddress({ registry, repository }).origin, "https://registry-1.docker.io", registry);
    }
  });

  it("maps the names of Docker Hub, and its official images", () => {
    const address = registryAddress({ registry: "docker.io", repository: "alpine", insecure: true });
    assert.equal(address.origin, "https://registry-1.docker.io");
    assert.equal(address.path, "library/alpine");
    assert.deepEqual([address.registry, address.repository], ["docker.io", "alpine"]);
    assert.equal(registryAddress({ registry: "index.docker.io", repository }).path, repository);
    assert.deepEqual(
      [...address.realmHosts].sort((a, b) => a.localeCompare(b)),
      ["auth.docker.io:443", "registry-1.docker.io:443"],
    );
    assert.equal(registryAddress({ registry: "ghcr.io", repository: "alpine" }).path, "alpine");
  });

  it("allows realms on its own host, at its own port and at that of https, and on configured ones", () => {
    const tokenHosts = ["gitlab.example", "auth.example:8443"];
    const { realmHosts } = registryAddress({ registry: "r.example:5050", repository, tokenHosts });
    const configured = ["gitlab.example:443", "auth.example:8443"];
    assert.deepEqual([...realmHosts], [...configured, "r.example:5050", "r.example:443"]);
    const local = registryAddress({ registry: "127.0.0.1:5050", repository });
    assert.deepEqual([...local.realmHosts], ["127.0.0.1:5050"]);
  });

  it("refuses what is not of the form, by name", () => {
    for (const registry of [
      "",
      "https://r.example",
      "r.example/path",
      "user@r.example",
      "r example",
      "r.example?x",
      "a:b",
    ]) {
      assert.throws(() => registryAddress({ registry, repository }), /^TypeError: registry: /, registry);
    }
    for (const bad of ["", "/lab", "lab/", "Lab", "lab//x", "../x", "lab/..", "lab?x", "lab:tag", "lab/-x"]) {
      assert.throws(() => registryAddress({ registry: "r.example", repository: bad }), /^TypeError: repository: /, bad);
    }
    assert.throws(
      () => registryAddress({ registry: "r.example", repository, tokenHosts: ["https://x"] }),
      /tokenHosts/,
    );
  });

  it("knows where secrets may go", () => {
    const cases: [string, boolean][] = [
      ["https://r.example/", true],
      ["http://r.example/", false],
      ["http://localhost:1/", true],
      ["http://127.1.2.3/", true],
      ["http://[::1]/", true],
      ["http://[::ffff:127.0.0.1]/", true],
      ["http://[::ffff:10.0.0.1]/", false],
      ["http://127.evil.test/", false],
      ["ftp://localhost/", false],
    ];
    for (const [url, expected] of cases) assert.equal(mayCarrySecrets(new URL(url)), expected, url);
    assert.equal(hostWithPort(new URL("http://r.example")), "r.example:80");
    assert.equal(hostWithPort(new URL("https://r.example")), "r.example:443");
    assert.equal(hostWithPort(new URL("https://r.example:80")), "r.example:80");
  });
});
