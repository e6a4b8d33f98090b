import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadConfig, parseConfig } from "../../src/config/load.ts";
import { servedConfig } from "../../src/config/served-config.ts";
import { IMAGES, problemsIn } from "./problems-in.ts";

for (const listen of ["LOCALHOST:0", "[0:0:0:0:0:0:0:1]:0", "[::ffff:127.0.0.1]:0"]) {
  test(`F42: ${listen} is loopback, which needs neither TLS nor grpc.insecure`, () => {
    const config = servedConfig(parseConfig(`${IMAGES}grpc: {listen: "${listen}"}\nhttp: {listen: "${listen}"}`));
    assert.equal(config.grpc.listen.port, 0);
    assert.deepEqual(config.http.listen, config.grpc.listen);
  });
}

for (const host of [
  "127.0.0.1:99999",
  "r.example.org:0",
  "r.example.org:",
  "[fe80::1%eth0]:5000",
  "1.2.3:5000",
  "https://r.example.org",
  "r.example.org/a",
  "r_1.example.org",
]) {
  test(`F65: ${host} is refused as a peer, by its key`, () => {
    const found = /^images\.source\.(?:registry|tokenHosts\[0\]|apiEndpoint): expected a host, with port/gm;
    const docker = (registry: string, tokenHost: string) =>
      `images: {source: {type: docker, registry: "${registry}", repository: a, tokenHosts: ["${tokenHost}"]}}`;
    assert.equal(problemsIn(docker(host, host)).match(found)?.length, 2);
    const google = "type: google, location: us-central1, projectId: a, repository: b, image: c";
    assert.equal(problemsIn(`images: {source: {${google}, apiEndpoint: "${host}"}}`).match(found)?.length, 1);
  });
}

test("F65: names and labels that the API server would refuse are refused by their keys", () => {
  const keys = [
    "nodeSelector: {'a b': c, example.org/labs: 'x y', -a: b, a//b: c}",
    "prepuller: {namespace: a.b, pullSecret: A_b, leaderElection: {leaseName: a-.b}}",
  ];
  const found = problemsIn(IMAGES + keys.join("\n")).replaceAll(/expected .*, found/g, "found");
  assert.equal(
    found,
    [
      'nodeSelector."a b": found "a b"',
      'nodeSelector."example.org/labs": found "x y"',
      'nodeSelector.-a: found "-a"',
      'nodeSelector."a//b": found "a//b"',
      'prepuller.namespace: found "a.b"',
      "prepuller.pullSecret: found a text",
      'prepuller.leaderElection.leaseName: found "a-.b"',
    ].join("\n"),
  );
  assert.match(problemsIn(`${IMAGES}nodeSelector: {a b: c}`), /expected a name such as labs or example\.org\/labs/);
});

test("F65: gRPC and HTTP cannot have one address", () => {
  const addresses = "grpc: {listen: '127.0.0.1:8080'}\nhttp: {listen: 'localhost:8080'}";
  assert.equal(
    problemsIn(IMAGES + addresses),
    "http.listen: must be another address than that of grpc.listen, 127.0.0.1:8080",
  );
  assert.match(problemsIn(`${IMAGES}grpc: {listen: '[::1]:8080'}\nhttp: {listen: '0.0.0.0:8080'}`), /^http\.listen: /);
});

test("F65: of thousands of problems the first ones are described, and the others counted", () => {
  const keys = Array.from({ length: 5_000 }, (_, index) => `k${index}: v`).join("\n");
  const lines = problemsIn(IMAGES + keys).split("\n");
  assert.equal(lines.length, 51);
  assert.match(lines[0] ?? "", /^k0: expected one of images/);
  assert.equal(lines.at(-1), "and 4,950 more");
});

test("F65: a configuration, and each file that it names, is a regular file of a bounded size", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "lab-images-config-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "config.yaml");
  const message = (path: string) => loadConfig(path).then(() => "accepted", String);
  assert.equal(
    await message("/dev/zero"),
    "ConfigError: the file /dev/zero cannot be read (expected a regular file, found a device)",
  );
  assert.match(await message(folder), /expected a regular file, found a directory/);
  await writeFile(file, `${IMAGES}# ${"x".repeat(131_072)}`);
  assert.match(await message(file), /expected at most 131,072 bytes, found more/);
  const source = "type: docker, registry: r.io, repository: a, caFile: /dev/zero, certFile: /none, keyFile: /dev/zero";
  const others = `kubernetes: {kubeconfig: ${folder}}\nhttp: {hookSecretFile: /dev/zero}\n`;
  await writeFile(file, `images: {source: {${source}}, dockerCredentialsPath: ${folder}}\n${others}`);
  assert.equal(
    await message(file),
    [
      "ConfigError: images.source.caFile: expected a regular file, found a device",
      "images.source.keyFile: expected a regular file, found a device",
      "images.dockerCredentialsPath: expected a regular file, found a directory",
      "kubernetes.kubeconfig: expected a regular file, found a directory",
      "http.hookSecretFile: expected a regular file, found a device",
    ].join("\n"),
  );
});

for (const [key, keys] of [
  ["kubernetes.nodeStatusMaxImages", "kubernetes: {nodeStatusMaxImages: 0}"],
  ["prepuller.leaderElection.renewDeadline", "prepuller: {leaderElection: {leaseDuration: 15s, renewDeadline: 14.9s}}"],
  ["prepuller.leaderElection.retryPeriod", "prepuller: {leaderElection: {renewDeadline: 10s, retryPeriod: 9s}}"],
] as const) {
  test(`P2: ${keys} is valid by its form alone, and refused`, () => {
    assert.match(problemsIn(IMAGES + keys), new RegExp(`^${key.replaceAll(".", "\\.")}: [^\\n]+$`));
  });
}

test("P2: names that Google Cloud cannot have are refused by their keys", () => {
  const google = (keys: object) => `images: ${JSON.stringify({ source: { type: "google", ...keys } })}`;
  const good = { location: "us-central1", projectId: "example.com:lab", repository: "library", image: "a/b" };
  assert.equal(servedConfig(parseConfig(google(good))).images.source.type, "google");
  for (const [key, wrong] of [
    ["location", "US-Central1"],
    ["location", "us_central1"],
    ["projectId", "Lab"],
    ["projectId", "123456789012"],
    ["projectId", "example.com:"],
    ["projectId", "a:b:c"],
    ["repository", "library/lab"],
    ["repository", "-a"],
    ["image", "Lab"],
  ] as const) {
    assert.match(
      problemsIn(google({ ...good, [key]: wrong })),
      new RegExp(`^images\\.source\\.${key}: [^\\n]+$`),
      wrong,
    );
  }
});

for (const [key, text] of [
  ["grpc.auth", "grpc: {auth: }"],
  ["grpc.tls", "grpc: {tls: }"],
  ["grpc.tls.clientCAFile", "grpc: {tls: {certFile: /c, keyFile: /k, clientCAFile: }}"],
  ["http.auth", "http: {auth: }"],
  ["http.tls", "http: {tls: }"],
] as const) {
  test(`${key} without a value is refused: it would let everybody in`, () => {
    assert.match(problemsIn(`${IMAGES}${text}`), new RegExp(`^${key}: `, "m"));
  });
}
