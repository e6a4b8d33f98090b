import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { loadConfig, parseConfig } from "../../src/config/load.ts";
import { servedConfig } from "../../src/config/served-config.ts";
import { IMAGES, problemsIn } from "./problems-in.ts";

test("what is left out has its default", () => {
  const config = servedConfig(parseConfig(IMAGES));
  assert.deepEqual(config.images, {
    source: { type: "docker", registry: "r.example.org", repository: "a/b" },
    refreshInterval: 300_000,
    prepullTimeout: 600_000,
    recommendedTag: "recommended",
    numReleases: 1,
    numWeeklies: 2,
    numDailies: 3,
    cycle: null,
    pin: [],
    aliasTags: [],
  });
  assert.deepEqual(config.kubernetes, { kubeconfig: null, nodeStatusMaxImages: 50, markGrace: 60_000 });
  assert.deepEqual(config.grpc.listen, { host: "127.0.0.1", port: 50_051 });
  assert.deepEqual(config.http, {
    listen: { host: "127.0.0.1", port: 8_080 },
    allowAnonymousRead: false,
    tls: null,
    auth: null,
    pathPrefix: "",
    hookSecretFile: null,
  });
  assert.deepEqual(config.log, { level: "info", profile: "production" });
  assert.equal(config.prepuller.enabled, false);
});

test("a key without a value is as good as none", () => {
  assert.deepEqual(
    parseConfig(`${IMAGES}grpc:\nhttp: {listen: }\ntolerations:\ndropdownMenu: {daily: }\n`),
    parseConfig(IMAGES),
  );
});

test("everything that is given is taken over", () => {
  const config = servedConfig(
    parseConfig(
      stringify({
        images: {
          source: {
            type: "docker",
            registry: "localhost:5000",
            repository: "a",
            insecure: true,
            tokenHosts: ["t.example.org"],
            caFile: "/ca",
            certFile: "/c",
            keyFile: "/k",
          },
          refreshInterval: "1h 30m",
          cycle: 27,
          pin: ["w_2077_43"],
          dockerCredentialsPath: "/creds",
        },
        dropdownMenu: {
          daily: {
            number: 0,
            age: "30d",
            cutoffBuild: -1,
            cutoffDate: "2077-10-21T02:00:00+02:00",
            cutoffVersion: "22.0.0-rc1",
          },
        },
        nodeSelector: { "example.org/labs": "true" },
        tolerations: [
          { key: "a", operator: "Exists", tolerationSeconds: 5 },
          { key: "", operator: "Exists", value: "", effect: null },
        ],
        prepuller: { enabled: true, namespace: "labs", pullSecret: "pull" },
        grpc: { listen: "0.0.0.0:1", insecure: true },
        logLevel: "debug",
        logProfile: "development",
      }),
    ),
  );
  assert.equal(config.images.refreshInterval, 5_400_000);
  assert.equal(config.images.cycle, 27);
  assert.deepEqual(config.sources[0]?.access, {
    insecure: true,
    tokenHosts: ["t.example.org"],
    caFile: "/ca",
    certFile: "/c",
    keyFile: "/k",
    credentialsPath: "/creds",
    apiEndpoint: null,
  });
  assert.deepEqual(config.dropdown.daily, {
    number: 0,
    age: 2_592_000_000,
    cutoffBuild: -1,
    cutoffDate: Date.UTC(2077, 9, 21),
    cutoffVersion: "22.0.0-rc1",
  });
  assert.deepEqual(config.nodeSelector, { "example.org/labs": "true" });
  assert.deepEqual(config.tolerations, [
    { key: "a", operator: "Exists", tolerationSeconds: 5 },
    { operator: "Exists", value: "" },
  ]);
  assert.equal(config.prepuller.enabled, true);
  assert.equal(config.prepuller.namespace, "labs");
  assert.deepEqual(config.grpc.listen, { host: "0.0.0.0", port: 1 });
  assert.deepEqual(config.log, { level: "debug", profile: "development" });
});

test("a source in Google Artifact Registry has no access of its own", () => {
  const source = {
    type: "google",
    location: "us-central1",
    projectId: "ceres-6ab4",
    repository: "library",
    image: "nested/sketchbook",
  };
  const config = servedConfig(parseConfig(stringify({ images: { source } })));
  assert.deepEqual(config.images.source, source);
  assert.equal(config.sources[0]?.access?.insecure, false);
  assert.deepEqual(config.sources[0]?.access?.tokenHosts, []);
  const elsewhere = servedConfig(
    parseConfig(stringify({ images: { source: { ...source, apiEndpoint: "private.example.org:443" } } })),
  );
  assert.equal(elsewhere.sources[0]?.access?.apiEndpoint, "private.example.org:443");
  assert.deepEqual(elsewhere.images.source, source);
});

test("all problems are reported at once, each with key, expectation and finding", () => {
  assert.equal(
    problemsIn(
      'images: {source: {type: docker, registry: r.io, repository: a/B}, cycle: "27", num_weeklies: 1, pin: [7]}\nlogLevel: loud\n',
    ),
    [
      'images.source.repository: expected a repository such as library/sketchbook, in lower case, found "a/B"',
      'images.cycle: expected a whole number from 0 to 2,147,483,647, found "27" (take the quotes off)',
      "images.pin[0]: expected a tag: letters, digits, `_`, `.` and `-`, at most 128, found 7 (put it in quotes)",
      "images.num_weeklies: expected one of source, refreshInterval, prepullTimeout, recommendedTag, numReleases, numWeeklies, numDailies, cycle, pin, aliasTags, dockerCredentialsPath, found an unknown key (write numWeeklies)",
      'logLevel: expected debug, info, warn, or error, found "loud"',
    ].join("\n"),
  );
});

test("what may be a secret is not repeated", () => {
  const secrets = ["hunter2hunter2", "https://user:hunter2@r.io", "AKIAABCDEFGHIJKLMNOPQRSTUVWX"];
  for (const secret of secrets) {
    assert.doesNotMatch(
      problemsIn(
        `images: {source: {type: docker, registry: "${secret}/", repository: a}}\nhttp: {hookSecretFile: ["${secret}"]}`,
      ),
      /hunter2@|AKIA/,
    );
    assert.doesNotMatch(problemsIn(`${IMAGES}http: {hookSecretFile: 12345678}`), /12345678/);
    assert.doesNotMatch(problemsIn(`${IMAGES}password: ${secret}`), /hunter2|AKIA/);
  }
});

for (const [keys, said] of [
  ["grpc: {tls: {certFile: /x}}", "grpc.tls.keyFile: expected the path of a file, found nothing"],
  [
    "grpc: {auth: {callers: [{serviceAccount: a, permissions: [read]}]}}",
    'grpc.auth.callers[0].serviceAccount: expected a service account such as lab-images/prepuller: its namespace and its name, found "a"',
  ],
  [
    "grpc: {auth: {callers: [{serviceAccount: a/b, name: c, permissions: [read]}]}}",
    "grpc.auth.callers[0]: expected either serviceAccount or name, found a mapping",
  ],
  [
    "grpc: {auth: {callers: [{name: a.example.org, permissions: [read]}]}}",
    "grpc.auth.callers: callers by name show certificates: set grpc.tls.clientCAFile, the authorities of those",
  ],
  [
    "grpc: {auth: {callers: [{serviceAccount: a/b, permissions: []}]}}",
    "grpc.auth.callers[0].permissions: expected a list of at least one of read, prepull and refresh, found a list",
  ],
  [
    "http: {auth: {trustedHeader: X-User, trustedProxies: [10.0.0.0/33]}}",
    'http.auth.trustedProxies[0]: expected an address or a network such as 10.0.0.0/8, found "10.0.0.0/33"',
  ],
  [
    "alerts: {slackWebhookFile: /x}",
    "alerts.slackWebhookFile: this version does not have alerts to Slack yet: remove the key",
  ],
  [
    "grpc: {listen: '0.0.0.0:1'}",
    "grpc.listen: an address beyond loopback needs TLS (grpc.tls), or grpc.insecure: true",
  ],
  [
    "prepuller: {leaderElection: {leaseDuration: 1s, retryPeriod: 1s, renewDeadline: 1s}}",
    "prepuller.leaderElection.renewDeadline: must be a second or more shorter than leaseDuration\nprepuller.leaderElection.retryPeriod: must be shorter than five sixths of renewDeadline",
  ],
] as const) {
  test(`${keys} is refused with the reason`, () => {
    assert.equal(problemsIn(IMAGES + keys), said);
  });
}

test("a client's certificate needs its key, and the key its certificate", () => {
  const source = (key: string) => `images: {source: {type: docker, registry: r.io, repository: a, ${key}: /x}}`;
  assert.match(problemsIn(source("certFile")), /^images\.source\.keyFile: .* because certFile is set, found nothing$/);
  assert.match(problemsIn(source("keyFile")), /^images\.source\.certFile: .* because keyFile is set, found nothing$/);
});

test("files are read whole, with or without a byte order mark, in UTF-8 only", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "lab-images-config-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "config.yaml");
  await writeFile(file, `\uFEFF${IMAGES}`);
  assert.deepEqual(await loadConfig(file), parseConfig(`\uFEFF${IMAGES}`));
  await writeFile(file, Buffer.from([0xff, 0xfe, 0x00]));
  await assert.rejects(loadConfig(file), { name: "ConfigError", message: "the file is not encoded in UTF-8" });
  await assert.rejects(loadConfig(join(folder, "none")), /none cannot be read \(ENOENT\)$/);
});
