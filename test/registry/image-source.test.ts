import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, it, type TestContext, test } from "node:test";
import { createImageSources } from "../../src/app/image-source.ts";
import { parseConfig } from "../../src/config/load.ts";
import { servedConfig } from "../../src/config/served-config.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { startGoogleServer } from "./google-server.ts";
import { recordLog } from "./log-recorder.ts";
import { nodeClock } from "./node-clock.ts";
import { startServiceOn } from "./service-on-source.ts";
import { REPOSITORY, registryWith, unhurried } from "./source-under-test.ts";

const place = { type: "google", location: "us-central1", projectId: "ceres", repository: "library", image: "lab" };
const PARENT = "projects/ceres/locations/us-central1/repositories/library";
const NAME = "us-central1-docker.pkg.dev/ceres/library/lab";
const digest = (index: number) => `sha256:${String(index).padStart(64, "0")}`;

/** The source of a configuration, with what it counts. */
async function configured(context: TestContext, source: object, images: object = {}) {
  const metrics = createMetrics();
  context.after(() => metrics.close());
  const config = servedConfig(parseConfig(JSON.stringify({ images: { source, ...images } })));
  const log = recordLog();
  const sources = await createImageSources({ config, clock: nodeClock, random: () => 0.5, logger: log, metrics });
  const [created] = sources.all;
  assert.ok(created);
  context.after(() => sources.close());
  return { created, metrics, log };
}

async function startGoogle(context: TestContext) {
  const server = await startGoogleServer();
  context.after(() => server.close());
  server.repositories.set(PARENT, [
    { uri: `${NAME}@${digest(1)}`, tags: ["w_2077_43", "recommended"], imageSizeBytes: "4294967296" },
    { uri: `${NAME}@${digest(2)}`, tags: ["w_2077_42"], imageSizeBytes: 0 },
    { uri: `${NAME}/nested@${digest(3)}`, tags: ["w_2077_44"] },
  ]);
  return server;
}

function isGoogleLoaded(): boolean {
  return Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes("@google-cloud"));
}

describe("the image source of a configuration", () => {
  it("is an OCI registry, or Google's, whose client is loaded only then", async (context) => {
    const registry = await registryWith(context, ["a"]);
    const docker = { type: "docker", registry: registry.host, repository: REPOSITORY };
    const oci = await configured(context, docker);
    assert.equal((await oci.created.listTags(unhurried)).length, 1);
    assert.match(await oci.metrics.render(), /registry_requests_total\{[^}]*"GET"[^}]*\} 2\b/);
    assert.equal(isGoogleLoaded(), false);
    const server = await startGoogle(context);
    const google = await configured(context, { ...place, apiEndpoint: server.endpoint });
    assert.equal((await google.created.listTags(unhurried)).length, 3);
    assert.match(await google.metrics.render(), /registry_requests_total\{[^}]*"ListDockerImages"[^}]*\} 1\b/);
    assert.equal(isGoogleLoaded(), true);
  });
});

test("F45: the log has the hint of a registry that has a better way in", async (context) => {
  const source = { type: "docker", registry: "eu.gcr.io", repository: "ceres/lab" };
  const { log } = await configured(context, source);
  assert.match(log.lines.join(), /"level":"info".*"key":"images\.source\.type".*"hint: eu\.gcr\.io is Google/);
});

describe("the files of a configuration", () => {
  const missing = "/nonexistent/missing";
  const docker = { type: "docker", registry: "127.0.0.1:1", repository: REPOSITORY };

  it("are those that the source reads, and are named where they cannot be", async (context) => {
    for (const files of [{ caFile: missing }, { certFile: missing, keyFile: missing }]) {
      const { created } = await configured(context, { ...docker, insecure: true, ...files });
      await assert.rejects(created.listTags(unhurried), /images\.source\.caFile, certFile or keyFile .*\(ENOENT\)$/);
    }
    const { created } = await configured(context, docker, { dockerCredentialsPath: missing });
    await assert.rejects(created.listTags(unhurried), /images\.dockerCredentialsPath cannot be read \(ENOENT\)$/);
  });

  it("F65: are not read where they are no regular files", async (context) => {
    const endless = await configured(context, { ...docker, insecure: true, caFile: "/dev/zero" });
    await assert.rejects(endless.created.listTags(unhurried), /caFile, certFile or keyFile .*\(ENOTREG\)$/);
    const { created } = await configured(context, docker, { dockerCredentialsPath: "/dev/zero" });
    await assert.rejects(created.listTags(unhurried), /dockerCredentialsPath cannot be read \(ENOTREG\)$/);
  });
});

describe("the whole service on Google Artifact Registry", () => {
  it("answers with digests and sizes, and heals when the API does", async (context) => {
    const server = await startGoogle(context);
    // As many as the first refresh tries: it fails.
    server.failures.push(...Array<number>(4).fill(14));
    const source = { ...place, apiEndpoint: server.endpoint };
    const { client, serving, tags } = await startServiceOn(context, { source, images: { refreshInterval: 0.2 } });
    await serving();
    assert.deepEqual(await tags(), ["recommended", "w_2077_43", "w_2077_42"]);
    const { image } = await client.call("ResolveImage", { imageClass: "IMAGE_CLASS_RECOMMENDED" });
    assert.equal(image.pullReference, `${NAME}:recommended@${digest(1)}`);
    assert.equal(image.sizeBytes, 4_294_967_296);
    assert.deepEqual(server.failures, []);
  });

  it("F43: a project of a domain is one repository in references, marks and reports", async (context) => {
    const server = await startGoogleServer();
    context.after(() => server.close());
    const name = "us-central1-docker.pkg.dev/example.com/lab/library/lab";
    server.repositories.set("projects/example.com:lab/locations/us-central1/repositories/library", [
      { uri: `${name}@${digest(1)}`, tags: ["w_2077_43", "recommended"] },
      { uri: `${name}@${digest(2)}`, tags: ["w_2077_42"] },
    ]);
    const source = { ...place, projectId: "example.com:lab", apiEndpoint: server.endpoint };
    const { client, serving } = await startServiceOn(context, { source });
    await serving();
    const { nodes } = await client.call("ListMissingImages", {});
    const [first, second] = nodes[0]?.images ?? [];
    assert.equal(first?.pullReference, `${name}:w_2077_43@${digest(1)}`);
    const found = await client.call("ResolveImage", { reference: first.reference });
    assert.equal(found.image.digest, digest(1));
    const mark = await client.call("MarkPrepulled", { reference: first.pullReference, node: "alder" });
    const report = await client.call("ReportPrepull", {
      reference: second?.pullReference ?? "",
      node: "alder",
      prepullState: "PREPULL_STATE_PULLING",
      reason: "",
      message: "",
    });
    assert.deepEqual([mark.applied, report.applied], [true, true]);
  });
});
