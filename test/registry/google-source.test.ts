import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { status } from "@grpc/grpc-js";
import { RegistryDeniedError, RegistryUnavailableError } from "../../src/domain/errors.ts";
import { googleFailure } from "../../src/registry/google/google-errors.ts";
import { remoteTagsOf } from "../../src/registry/google/google-images.ts";
import { createGoogleSource, type GoogleSourceOptions } from "../../src/registry/google/google-source.ts";
import { eventually } from "../support/eventually.ts";
import { startGoogleServer } from "./google-server.ts";
import { recordLog } from "./log-recorder.ts";
import { nodeClock } from "./node-clock.ts";
import { quickLimits, unhurried } from "./source-under-test.ts";

const place = { location: "us-central1", projectId: "ceres", repository: "library", image: "sketchbook" };
const PARENT = "projects/ceres/locations/us-central1/repositories/library";
const NAME = "us-central1-docker.pkg.dev/ceres/library/sketchbook";
const digest = (index: number) => `sha256:${index.toString(16).padStart(64, "0")}`;

async function underTest(context: TestContext, options: Partial<GoogleSourceOptions> = {}) {
  const server = await startGoogleServer();
  context.after(() => server.close());
  const retried: string[] = [];
  const seen: string[] = [];
  const log = recordLog();
  const source = await createGoogleSource({
    ...place,
    apiEndpoint: server.endpoint,
    clock: nodeClock,
    random: () => 0.5,
    logger: log,
    observe: {
      request: (_host, method, code) => seen.push(`${method} ${code}`),
      retried: (reason) => retried.push(reason),
    },
    ...options,
    limits: { ...quickLimits, ...options.limits },
  });
  context.after(() => source.close());
  const fill = (images: Parameters<typeof server.repositories.set>[1]) => server.repositories.set(PARENT, images);
  return { server, source, fill, retried, seen, log };
}

/** Sets variables of the environment for one test. */
function setEnvironment(context: TestContext, environment: Readonly<Record<string, string>>): void {
  const before = { ...process.env };
  Object.assign(process.env, environment);
  context.after(() => {
    for (const name of Object.keys(environment)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  });
}

function isError(kind: typeof RegistryDeniedError | typeof RegistryUnavailableError, pattern: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof kind, String(error));
    assert.match(error.message, pattern);
    assert.equal(error.message.includes("canary"), false);
    return true;
  };
}

describe("Google Artifact Registry (R8)", () => {
  it("gives every tag with digest and size, from one call for 1,000 images", async (context) => {
    const { server, source, fill, seen } = await underTest(context);
    fill([
      { uri: `${NAME}@${digest(1)}`, tags: ["w_2077_43", "recommended"], imageSizeBytes: "4294967296" },
      { uri: `${NAME}@${digest(2)}`, tags: ["w_2077_42"], imageSizeBytes: 0 },
      { uri: `${NAME}@${digest(3)}`, tags: [] },
    ]);
    assert.deepEqual([source.registry, source.repository], ["us-central1-docker.pkg.dev", "ceres/library/sketchbook"]);
    assert.deepEqual(await source.listTags(unhurried), [
      { tag: "w_2077_43", digest: digest(1), sizeBytes: 4_294_967_296 },
      { tag: "recommended", digest: digest(1), sizeBytes: 4_294_967_296 },
      { tag: "w_2077_42", digest: digest(2), sizeBytes: null },
    ]);
    assert.deepEqual(server.requests, [{ parent: PARENT, pageSize: 1_000, pageToken: "" }]);
    assert.deepEqual(seen, ["ListDockerImages 200"]);
    const resolved = await source.resolveTags(["recommended", "gone", "__proto__"], unhurried);
    assert.deepEqual([...resolved.values()], [{ tag: "recommended", digest: digest(1), sizeBytes: 4_294_967_296 }]);
  });

  it("gives the time of the push, where the API says it", async (context) => {
    const { source, fill } = await underTest(context);
    const uploadTime = { seconds: 1_795_000_000, nanos: 250_999_999 };
    fill([
      { uri: `${NAME}@${digest(1)}`, tags: ["0d0765090250", "main"], uploadTime },
      { uri: `${NAME}@${digest(2)}`, tags: ["55adca9b2caa"] },
    ]);
    assert.deepEqual(
      (await source.listTags(unhurried)).map(({ tag, pushedAt }) => [tag, pushedAt]),
      [
        ["0d0765090250", 1_795_000_000_250],
        ["main", 1_795_000_000_250],
        ["55adca9b2caa", undefined],
      ],
    );
  });

  it("reads all pages, and tries again where one fails in the middle", async (context) => {
    const { server, source, fill, retried } = await underTest(context);
    fill(Array.from({ length: 2_500 }, (_, index) => ({ uri: `${NAME}@${digest(index)}`, tags: [`w_${index}`] })));
    server.failures.push(null, status.UNAVAILABLE, status.INTERNAL, null, status.UNAVAILABLE);
    const tags = await source.listTags(unhurried);
    assert.equal(tags.length, 2_500);
    assert.deepEqual(tags.at(-1), { tag: "w_2499", digest: digest(2_499), sizeBytes: null });
    assert.deepEqual(retried, ["UNAVAILABLE", "INTERNAL", "UNAVAILABLE"]);
    assert.deepEqual(
      server.requests.map(({ pageToken }) => pageToken),
      ["", "1000", "1000", "1000", "2000", "2000"],
    );
  });

  it("takes an empty repository for empty, and a missing one for a failure", async (context) => {
    const { source, fill } = await underTest(context);
    fill([]);
    assert.deepEqual(await source.listTags(unhurried), []);
    const other = await underTest(context);
    await assert.rejects(other.source.listTags(unhurried), isError(RegistryUnavailableError, /answers NOT_FOUND$/));
  });

  it("drops other images, nested names, and what is no image", async (context) => {
    const { source, fill } = await underTest(context);
    const hex = "ab".repeat(32);
    const uris = [
      `us-central1-docker.pkg.dev/ceres/library/other@${digest(1)}`,
      `${NAME}2@${digest(1)}`,
      `${NAME}/nested@${digest(1)}`,
      `us-central1-docker.pkg.dev/ceres/library/nested/sketchbook@${digest(1)}`,
      `us-central1-docker.pkg.dev/venus/library/sketchbook@${digest(1)}`,
      NAME,
      `${NAME}@`,
      `${NAME}@no digest`,
      "",
    ];
    fill([
      ...uris.map((uri) => ({ uri, tags: ["foreign"] })),
      { uri: `${NAME}@${digest(2)}`, tags: ["own", `sha256-${hex}.sig`, "not a tag"] },
    ]);
    assert.deepEqual(
      (await source.listTags(unhurried)).map(({ tag }) => tag),
      ["own"],
    );
  });

  it("knows its own name where it is nested, and projects of a domain", async (context) => {
    const { source, server } = await underTest(context, { projectId: "example.com:ceres", image: "lab/sketchbook" });
    const name = "us-central1-docker.pkg.dev/example.com/ceres/library/lab";
    server.repositories.set("projects/example.com:ceres/locations/us-central1/repositories/library", [
      { uri: `${name}%2Fsketchbook@${digest(1)}`, tags: ["a"] },
      { uri: `${name}/sketchbook@${digest(2)}`, tags: ["b"] },
      { uri: `${name}@${digest(3)}`, tags: ["c"] },
      { uri: `us-central1-docker.pkg.dev/example.com:ceres/library/lab/sketchbook@${digest(4)}`, tags: ["d"] },
    ]);
    assert.equal(source.repository, "example.com/ceres/library/lab/sketchbook");
    assert.deepEqual(
      (await source.listTags(unhurried)).map(({ tag }) => tag),
      ["a", "b", "d"],
    );
  });

  it("gives up after its last try, and says what the answer was in our own words", async (context) => {
    const { source, server, fill, retried } = await underTest(context, { limits: { attempts: 3 } });
    fill([]);
    server.failures.push(...Array<status>(3).fill(status.UNAVAILABLE));
    await assert.rejects(source.listTags(unhurried), isError(RegistryUnavailableError, /answers UNAVAILABLE$/));
    assert.equal(retried.length, 2);
    server.failures.push(status.PERMISSION_DENIED);
    await assert.rejects(
      source.listTags(unhurried),
      isError(RegistryDeniedError, /refuses our Google credentials \(PERMISSION_DENIED\)$/),
    );
    server.failures.push(status.UNAUTHENTICATED);
    await assert.rejects(source.listTags(unhurried), isError(RegistryDeniedError, /UNAUTHENTICATED/));
    server.failures.push(status.DATA_LOSS);
    await assert.rejects(source.listTags(unhurried), isError(RegistryUnavailableError, /answers status 15$/));
    assert.equal(retried.length, 2);
    assert.deepEqual(await source.listTags(unhurried), []);
  });

  it("is bounded: no circle, no list without end, no answer that never comes", async (context) => {
    const { source, server, fill } = await underTest(context, {
      limits: { maxPages: 3, operationTimeoutMs: 10_000, requestTimeoutMs: 2_000, attempts: 2 },
    });
    const images = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ uri: `${NAME}@${digest(index)}`, tags: [`w_${index}`] }));
    fill(images(4));
    server.pageSize = 1;
    await assert.rejects(
      source.listTags(unhurried),
      isError(RegistryUnavailableError, /lists images in more than \d+ pages$/),
    );
    fill(images(2));
    server.nextToken = "1";
    await assert.rejects(source.listTags(unhurried), isError(RegistryUnavailableError, /pagination loop$/));
    server.nextToken = null;
    server.silent = true;
    await assert.rejects(source.listTags(unhurried), isError(RegistryUnavailableError, /answers DEADLINE_EXCEEDED$/));
    server.silent = false;
    assert.equal((await source.listTags(unhurried)).length, 2);
    const many = await underTest(context, { limits: { maxTags: 2 } });
    many.fill(images(4));
    many.server.pageSize = 3;
    await assert.rejects(many.source.listTags(unhurried), /lists (images in )?more than \d+/);
  });

  it("ends with the caller's reason, and with the source", async (context) => {
    const { source, server } = await underTest(context);
    server.silent = true;
    const controller = new AbortController();
    const reason = new Error("the caller has gone");
    const aborted = assert.rejects(source.listTags(controller.signal), reason);
    await eventually(() => assert.equal(server.requests.length, 1));
    controller.abort(reason);
    await aborted;
    await assert.rejects(source.listTags(controller.signal), reason);
    const closed = assert.rejects(source.resolveTags(["a"], unhurried), /registry client has been closed/);
    await eventually(() => assert.equal(server.requests.length, 2));
    await source.close();
    await closed;
    await assert.rejects(source.listTags(unhurried), /registry client has been closed/);
  });

  it("refuses without credentials, leaves no rejection behind, and recovers", async (context) => {
    // A file that is not there, and no metadata server either: the test asks nobody beyond this machine.
    setEnvironment(context, {
      GOOGLE_APPLICATION_CREDENTIALS: "/nonexistent/canary.json",
      METADATA_SERVER_DETECTION: "none",
    });
    const source = await createGoogleSource({
      ...place,
      clock: nodeClock,
      random: () => 0.5,
      logger: recordLog(),
      limits: quickLimits,
    });
    context.after(() => source.close());
    const kinds = (error: unknown) => error instanceof RegistryDeniedError || error instanceof RegistryUnavailableError;
    await assert.rejects(source.listTags(unhurried), (error) => kinds(error) && !String(error).includes("canary"));
    await assert.rejects(source.listTags(unhurried), kinds);
  });

  it("gives up on credentials that never come, and closes all the same", async (context) => {
    const asked: string[] = [];
    const metadataServer = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.on("data", (chunk: Buffer) => asked.push(chunk.toString()));
      context.after(() => socket.destroy());
    });
    metadataServer.listen(0, "127.0.0.1");
    await once(metadataServer, "listening");
    context.after(() => metadataServer.close());
    setEnvironment(context, {
      GCE_METADATA_HOST: `127.0.0.1:${(metadataServer.address() as AddressInfo).port}`,
      METADATA_SERVER_DETECTION: "assume-present",
      // With this, Google's client waits without a bound of its own.
      K_SERVICE: "test",
      // No credentials of whoever runs the tests.
      GOOGLE_APPLICATION_CREDENTIALS: "",
      HOME: "/nonexistent",
    });
    const source = await createGoogleSource({
      ...place,
      // Beyond loopback credentials are wanted, Google's own endpoint or not.
      apiEndpoint: "artifactregistry.test",
      clock: nodeClock,
      random: () => 0.5,
      logger: recordLog(),
      limits: { ...quickLimits, requestTimeoutMs: 200 },
    });
    const refused = isError(RegistryUnavailableError, /^Google's credentials cannot be had \(ETIMEDOUT\)$/);
    await assert.rejects(source.listTags(unhurried), refused);
    // Workload identity has its credentials from there; nothing told the client to ask.
    const pattern = /^GET \/computeMetadata\/v1\/[\s\S]*metadata-flavor: Google/i;
    await eventually(() => assert.match(asked.join(), pattern));
    await source.close();
  });
});

describe("failures of Google's client", () => {
  it("are distinguished by what they carry", () => {
    const cases: [unknown, string, boolean][] = [
      [Object.assign(new Error("canary"), { code: 14 }), "REGISTRY_UNAVAILABLE", true],
      [Object.assign(new Error("canary"), { code: 7 }), "REGISTRY_DENIED", false],
      [Object.assign(new Error("canary"), { code: 3 }), "REGISTRY_UNAVAILABLE", false],
      [Object.assign(new Error("canary"), { code: "ENOTFOUND" }), "REGISTRY_UNAVAILABLE", false],
      [new Error("canary"), "REGISTRY_DENIED", false],
      ["canary", "REGISTRY_DENIED", false],
    ];
    for (const [error, reason, again] of cases) {
      const failure = googleFailure(error, "artifactregistry.googleapis.com");
      assert.deepEqual([failure.error.reason, failure.again], [reason, again]);
      assert.equal(failure.error.message.includes("canary"), false);
    }
  });

  it("do not come from images without uri, tags or a size", () => {
    const image = { uri: `${NAME}@sha256:1`, tags: ["a"], imageSizeBytes: 0, pushedAt: null };
    assert.deepEqual(remoteTagsOf({ ...image, uri: "" }, NAME), []);
    assert.deepEqual(remoteTagsOf({ ...image, tags: [] }, NAME), []);
    const sizes = [0, -1, 2 ** 64, 7].map((imageSizeBytes) => remoteTagsOf({ ...image, imageSizeBytes }, NAME));
    assert.deepEqual(
      sizes.map(([tag]) => tag?.sizeBytes),
      [null, null, null, 7],
    );
  });
});
