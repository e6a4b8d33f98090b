import assert from "node:assert/strict";
import { test } from "node:test";
import { spawnerImagesJson, spawnerImagesPieces, spawnerPrepullsJson } from "../../src/domain/images/spawner-json.ts";
import { plainImage } from "../http/snapshots.ts";

const SETTINGS = {
  source: { type: "docker", registry: "r.example.org", repository: "a/b" },
  refreshInterval: 90_500,
  prepullTimeout: 600_000,
  recommendedTag: "recommended",
  numReleases: 1,
  numWeeklies: 2,
  numDailies: 3,
  cycle: null,
  pin: ["w_2077_40"],
  aliasTags: ["latest"],
} as const;

test("the list of images leaves out what is null, and counts an alias target among the aliases", () => {
  const weekly = plainImage({ tag: "w_2077_43", displayName: "Weekly 2077_43", digest: "sha256:1", prepulled: true });
  const alias = plainImage({ tag: "latest", aliases: ["a", "z"], aliasTarget: "w_2077_43" });
  const json: object = JSON.parse(
    spawnerImagesJson({
      recommended: null,
      latestWeekly: weekly,
      latestDaily: null,
      latestRelease: null,
      images: [alias, weekly],
    }),
  );
  const entry = {
    reference: "r.example.org/a/b:w_2077_43",
    tag: "w_2077_43",
    name: "Weekly 2077_43",
    digest: "sha256:1",
    aliases: [],
    prepulled: true,
  };
  assert.deepEqual(json, {
    latest_weekly: entry,
    all: [
      {
        reference: "r.example.org/a/b:latest",
        tag: "latest",
        name: "latest",
        aliases: ["a", "w_2077_43", "z"],
        prepulled: false,
      },
      entry,
    ],
  });
  assert.deepEqual(Object.keys(entry), Object.keys(Reflect.get(json, "latest_weekly")));
});

test("F6: the list in pieces is the list", () => {
  for (const count of [0, 1, 199, 200, 201, 1_000]) {
    const images = Array.from({ length: count }, (_, index) => plainImage({ tag: `w_${index}` }));
    const [first = null] = images;
    const list = { recommended: first, latestWeekly: null, latestDaily: first, latestRelease: null, images };
    assert.equal([...spawnerImagesPieces(list)].join(""), spawnerImagesJson(list));
  }
});

test("the status keeps what is null, and has durations in seconds", () => {
  const image = plainImage({ tag: "w_2077_43", digest: "sha256:1" });
  const json: object = JSON.parse(
    spawnerPrepullsJson(
      SETTINGS,
      {
        prepulled: [{ image: { ...image, sizeBytes: 5 }, nodes: ["a"], missing: [] }],
        pending: [{ image, nodes: [], missing: ["a"] }],
      },
      [{ name: "a", eligible: true, comment: null, cached: [image.reference], imagesTruncated: true }],
    ),
  );
  const entry = { reference: image.reference, tag: "w_2077_43", name: "w_2077_43", digest: "sha256:1" };
  assert.deepEqual(json, {
    config: {
      source: { type: "docker", registry: "r.example.org", repository: "a/b" },
      refresh_interval: 90.5,
      prepull_timeout: 600,
      recommended_tag: "recommended",
      num_releases: 1,
      num_weeklies: 2,
      num_dailies: 3,
      cycle: null,
      pin: ["w_2077_40"],
      alias_tags: ["latest"],
    },
    images: {
      prepulled: [{ ...entry, size: 5, nodes: ["a"], missing: [] }],
      pending: [{ ...entry, size: null, nodes: [], missing: ["a"] }],
    },
    nodes: [{ name: "a", eligible: true, comment: null, cached: [image.reference] }],
  });
});

test("a source in Google Artifact Registry is written in snake case", () => {
  const source = {
    type: "google",
    location: "us",
    projectId: "p",
    repository: "library",
    image: "sketchbook",
  } as const;
  const json: object = JSON.parse(spawnerPrepullsJson({ ...SETTINGS, source }, { prepulled: [], pending: [] }, []));
  assert.deepEqual(Reflect.get(Reflect.get(json, "config"), "source"), {
    type: "google",
    location: "us",
    project_id: "p",
    repository: "library",
    image: "sketchbook",
  });
});
