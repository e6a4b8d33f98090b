import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { ConfigError } from "../../src/config/config-error.ts";
import { parseConfig } from "../../src/config/load.ts";
import { importNublado, importNubladoText } from "../../src/config/nublado/import.ts";

const SITES = join(import.meta.dirname, "nublado");
const PREPULLER = /^prepuller\.enabled: off/;
const CREDENTIALS = /^images\.dockerCredentialsPath: /;

/** What a configuration of ours says that was made of one of nublado's. */
function imported(nublado: object) {
  const { text, notes } = importNubladoText(stringify(nublado));
  return { ...parseConfig(text), notes: notes.filter((note) => !PREPULLER.test(note) && !CREDENTIALS.test(note)) };
}

const SOURCE = { type: "docker", registry: "registry.example.org", repository: "sciplat-lab" };

/** A required node affinity with these terms. */
function affinityOf(...nodeSelectorTerms: readonly object[]) {
  return { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } };
}

for (const { site, images, nodes, secret, notes } of [
  {
    site: "site-1",
    images: {
      registry: "registry.hub.docker.com",
      recommendedTag: "recommended",
      cycle: null,
      prepullTimeout: 600_000,
    },
    nodes: { selector: {}, expressions: 0 },
    secret: null,
    notes: [PREPULLER],
  },
  {
    site: "site-2",
    images: {
      registry: "registry.example.org",
      recommendedTag: "recommended_c0044",
      cycle: 44,
      prepullTimeout: 1_200_000,
    },
    nodes: { selector: {}, expressions: 0 },
    secret: "pull-secret",
    notes: [CREDENTIALS, PREPULLER],
  },
  {
    site: "site-3",
    images: { registry: "google", recommendedTag: "recommended", cycle: null, prepullTimeout: 600_000 },
    nodes: { selector: { node_pool: "user-lab-pool-amd" }, expressions: 0 },
    secret: null,
    notes: [PREPULLER],
  },
  {
    site: "site-4",
    images: { registry: "ghcr.io", recommendedTag: "recommended", cycle: null, prepullTimeout: 600_000 },
    nodes: { selector: { "example.org/lab": "true" }, expressions: 2 },
    secret: "pull-secret",
    notes: [CREDENTIALS, PREPULLER],
  },
]) {
  test(`${site}: the configuration of a real controller becomes ours, and what has no counterpart is listed`, async () => {
    const { text, notes: listed } = await importNublado(join(SITES, `${site}.yaml`));
    const config = parseConfig(text);
    assert.ok(config.images);
    const { source, recommendedTag, cycle, prepullTimeout } = config.images;
    const registry = source.type === "docker" ? source.registry : source.type;
    assert.deepEqual({ registry, recommendedTag, cycle, prepullTimeout }, images);
    const [set, ...others] = config.sets;
    assert.deepEqual({ selector: set?.selector, expressions: set?.expressions.length }, nodes);
    assert.equal(others.length, 0);
    assert.equal(set?.tolerations.length, 1);
    assert.equal(config.prepuller.pullSecret, secret);
    assert.equal(config.http.pathPrefix, "/nublado");
    assert.equal(listed.length, notes.length);
    for (const [index, note] of notes.entries()) assert.match(listed[index] ?? "", note);
  });
}

test("the limits of the menu are taken over", async () => {
  const { dropdown } = parseConfig((await importNublado(join(SITES, "site-4.yaml"))).text);
  assert.equal(dropdown.release?.cutoffVersion, "29.0.0");
  assert.equal(dropdown.weekly?.number, 78);
  assert.equal(dropdown.experimental?.age, 21 * 86_400_000);
});

test("the values of the chart hold the same configuration; what stands around it is said not to be looked at", async () => {
  const config = { images: { source: SOURCE }, lab: { nodeSelector: { pool: true } } };
  const { sets, notes } = imported({
    global: { host: "example.org" },
    nublado: { controller: { config, slackAlerts: true } },
  });
  assert.deepEqual(sets[0]?.selector, { pool: "true" });
  assert.deepEqual(notes, ["everything outside of nublado.controller.config: is not looked at"]);
});

test("keys may be in any order and in snake case, and what is left out has the original's default", () => {
  const { images, tolerations, notes } = imported({
    lab: { tolerations: [{ toleration_seconds: 60, effect: "NoExecute", key: "a", operator: "Exists" }] },
    images: {
      num_dailies: 4,
      pin: ["w_2077_40"],
      alias_tags: ["latest_weekly"],
      refresh_interval: 300,
      source: { repository: "sciplat-lab", type: "docker", credentials_path: "/etc/secrets/.dockerconfigjson" },
    },
  });
  assert.deepEqual(images?.source, { type: "docker", registry: "docker.io", repository: "sciplat-lab" });
  assert.deepEqual([images?.numDailies, images?.refreshInterval, images?.pin], [4, 300_000, ["w_2077_40"]]);
  assert.deepEqual(images?.aliasTags, ["latest_weekly"]);
  assert.deepEqual(tolerations, [{ tolerationSeconds: 60, effect: "NoExecute", key: "a", operator: "Exists" }]);
  assert.deepEqual(notes, []);
});

test("terms of node affinity that are ORed become one set each, with the same images", () => {
  const pool = (value: string) => ({ matchExpressions: [{ key: "pool", operator: "In", values: [value] }] });
  const { sets } = imported({
    images: { source: SOURCE, pin: ["w_2077_40"] },
    lab: { nodeSelector: { a: "b" }, affinity: affinityOf(pool("x"), pool("y"), pool("z")) },
  });
  assert.deepEqual(
    sets.map(({ name, expressions }) => [name, expressions[0]?.values]),
    [
      ["default", ["x"]],
      ["default-2", ["y"]],
      ["default-3", ["z"]],
    ],
  );
  for (const { rules, order, selector } of sets) {
    assert.deepEqual(rules, sets[0]?.rules);
    assert.deepEqual([order, selector], ["display", { a: "b" }]);
  }
});

test("numbers that an expression compares with are text, and operators without values have none", () => {
  const { nodeExpressions } = imported({
    images: { source: SOURCE },
    lab: {
      affinity: affinityOf({
        matchExpressions: [
          { key: "cores", operator: "Gt", values: [8] },
          { key: "gpu", operator: "DoesNotExist", values: [] },
        ],
      }),
    },
  });
  assert.deepEqual(nodeExpressions, [
    { key: "cores", operator: "Gt", values: ["8"] },
    { key: "gpu", operator: "DoesNotExist", values: [] },
  ]);
});

test("each key that has no counterpart is listed with its path, and none with its value", () => {
  const { notes } = imported({
    images: { source: { ...SOURCE, mirror: "secret-1" }, spawnDelay: 3 },
    dropdownMenu: { weekly: { number: 1, colour: "red" } },
    lab: {
      env: { API_KEY: "secret-2" },
      pullSecret: null,
      tolerations: [{ operator: "Exists", reason: "none" }],
      affinity: {
        podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{}] },
        nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{}] },
      },
    },
    slackWebhook: "secret-3",
    "odd\u001bkey": 1,
  });
  assert.deepEqual(
    notes.map((note) => note.slice(0, note.indexOf(": "))),
    [
      "slackWebhook",
      "odd?key",
      "images.spawnDelay",
      "images.source.mirror",
      "lab.env",
      "lab.affinity.podAntiAffinity",
      "lab.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution",
      "dropdownMenu.weekly.colour",
      "lab.tolerations[0].reason",
    ],
  );
  assert.ok(!notes.join().includes("secret"));
});

test("terms that choose nodes by fields, and empty ones, are listed", () => {
  const { nodeExpressions, notes } = imported({
    images: { source: SOURCE },
    lab: {
      affinity: affinityOf(
        { matchFields: [{ key: "metadata.name", operator: "In", values: ["n"] }] },
        {},
        { matchExpressions: [{ key: "a", operator: "Exists" }] },
      ),
    },
  });
  assert.equal(nodeExpressions.length, 1);
  assert.equal(notes.length, 2);
  assert.match(notes[0] ?? "", /nodeSelectorTerms\[0\]\.matchFields: /);
});

test("what cannot become one of ours is refused with the reason", () => {
  const refused = (nublado: object, reason: RegExp) =>
    assert.throws(
      () => importNubladoText(stringify(nublado)),
      (error) => error instanceof ConfigError && reason.test(error.message),
    );
  refused({ lab: {} }, /no images\.source/);
  refused({ images: { source: { type: "ecr" } } }, /images\.source\.type: expected docker or google/);
  refused({ images: { source: SOURCE, numDailies: "many" } }, /images\.numDailies: expected a whole number/);
});
