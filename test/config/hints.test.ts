import assert from "node:assert/strict";
import { test } from "node:test";
import { hintsOn } from "../../src/config/hints.ts";
import { parseConfig } from "../../src/config/load.ts";

function hintsFor(source: object): readonly string[] {
  return hintsOn(parseConfig(JSON.stringify({ images: { source } }))).map(({ path, message }) => `${path}: ${message}`);
}

const docker = (registry: string) => hintsFor({ type: "docker", registry, repository: "ceres/library/sketchbook" });

test("F45: Google Artifact Registry through type docker is accepted, with a hint to the type google", () => {
  for (const registry of [
    "us-central1-docker.pkg.dev",
    "us-docker.pkg.dev",
    "northamerica-northeast1-docker.pkg.dev:443",
    "US-Central1-Docker.pkg.dev",
    "gcr.io",
    "eu.gcr.io",
  ]) {
    assert.match(
      docker(registry).join(),
      /^images\.source\.type: .* is Google Artifact Registry: with the type google /,
    );
  }
  const others = ["docker.pkg.dev.example.org", "npm.pkg.dev", "mygcr.io", "gcr.io:5000", "registry.example.org"];
  for (const registry of others) assert.deepEqual(docker(registry), [], registry);
  const place = { location: "us-central1", projectId: "ceres", repository: "library", image: "sketchbook" };
  assert.deepEqual(hintsFor({ type: "google", ...place }), []);
});

test("F10: the web site of Docker Hub is accepted, with a hint to the name that nodes pull by", () => {
  assert.match(docker("hub.docker.com").join(), /^images\.source\.registry: .* nodes pull from docker\.io$/);
  for (const registry of ["docker.io", "registry.hub.docker.com", "index.docker.io"]) {
    assert.deepEqual(docker(registry), []);
  }
});
