import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { status } from "@grpc/grpc-js";
import { createGoogleSource, type GoogleSourceOptions } from "../../src/registry/google/google-source.ts";
import { eventually } from "../support/eventually.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { startGoogleServer } from "./google-server.ts";
import { recordLog } from "./log-recorder.ts";
import { nodeClock } from "./node-clock.ts";
import { quickLimits, unhurried } from "./source-under-test.ts";

const PARENT = "projects/ceres/locations/us-central1/repositories/library";
const NAME = "us-central1-docker.pkg.dev/ceres/library/sketchbook";

async function sourceAt(context: TestContext, apiEndpoint: string, options: Partial<GoogleSourceOptions> = {}) {
  const source = await createGoogleSource({
    location: "us-central1",
    projectId: "ceres",
    repository: "library",
    image: "sketchbook",
    apiEndpoint,
    clock: nodeClock,
    random: () => 0.5,
    logger: recordLog(),
    ...options,
    limits: { ...quickLimits, ...options.limits },
  });
  context.after(() => source.close());
  return source;
}

async function startServer(context: TestContext) {
  const server = await startGoogleServer();
  context.after(() => server.close());
  server.repositories.set(PARENT, [{ uri: `${NAME}@sha256:${"a".repeat(64)}`, tags: ["w_1"] }]);
  return server;
}

/** What Google's client keeps (faults, L1): docs/reliability.md. */
describe("what Google's client has learned", () => {
  for (const code of [status.UNAUTHENTICATED, status.PERMISSION_DENIED]) {
    test(`L1: credentials of before that are refused with ${code} are had again, in the same call`, async (context) => {
      const server = await startServer(context);
      const source = await sourceAt(context, server.endpoint);
      await source.listTags(unhurried);
      server.failures.push(code);
      assert.equal((await source.listTags(unhurried)).length, 1);
      assert.equal(server.requests.length, 3);
      server.failures.push(code, code);
      await assert.rejects(source.listTags(unhurried), /refuses our Google credentials/);
      assert.equal(server.requests.length, 5);
      assert.equal((await source.listTags(unhurried)).length, 1);
    });
  }

  test("L1: connections do not wait out the pauses of an outage that is over", async (context) => {
    const server = await startServer(context);
    const [host = "", port] = server.endpoint.split(":");
    const proxy = await startFaultProxy({ host, port: Number(port) });
    context.after(() => proxy.close());
    const source = await sourceAt(context, `127.0.0.1:${proxy.port}`, { limits: { attempts: 2 } });
    await source.listTags(unhurried);
    for (let round = 0; round < 3; round += 1) {
      proxy.setFault({ kind: "refuse", applyToOpen: true });
      proxy.cutAll();
      await assert.rejects(source.listTags(unhurried), /answers UNAVAILABLE$/);
      proxy.setFault(null);
      assert.equal((await source.listTags(unhurried)).length, 1);
    }
  });

  test("L1: a connection on which nothing comes is not used by the next operation", async (context) => {
    const server = await startServer(context);
    const [host = "", port] = server.endpoint.split(":");
    const proxy = await startFaultProxy({ host, port: Number(port) });
    context.after(() => proxy.close());
    const limits = { attempts: 1, requestTimeoutMs: 1_000 };
    const source = await sourceAt(context, `127.0.0.1:${proxy.port}`, { limits });
    await source.listTags(unhurried);
    proxy.setFault({ kind: "half-open", applyToOpen: true });
    await assert.rejects(source.listTags(unhurried), /answers DEADLINE_EXCEEDED$/);
    // What is open stays as it is, as behind a router that has lost it.
    proxy.setFault(null);
    assert.equal((await source.listTags(unhurried)).length, 1);
  });

  test("L1: a metadata server that was not there at first is asked again", async (context) => {
    const asked: string[] = [];
    let respond = (response: ServerResponse, _url: string) => response.writeHead(404).end();
    const metadata = createServer((request, response) => {
      asked.push(request.url ?? "");
      respond(response.setHeader("metadata-flavor", "Google"), request.url ?? "");
    });
    metadata.listen(0, "127.0.0.1");
    await once(metadata, "listening");
    context.after(() => metadata.close());
    const before = { ...process.env };
    Object.assign(process.env, {
      GCE_METADATA_HOST: `127.0.0.1:${(metadata.address() as AddressInfo).port}`,
      // Whether this machine is one of Google's counts for nothing.
      METADATA_SERVER_DETECTION: "",
      GOOGLE_APPLICATION_CREDENTIALS: "",
      HOME: "/nonexistent",
    });
    context.after(() => {
      for (const name of ["GCE_METADATA_HOST", "METADATA_SERVER_DETECTION", "GOOGLE_APPLICATION_CREDENTIALS", "HOME"]) {
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
      }
    });
    // Beyond loopback credentials are wanted; nobody listens at that name.
    const source = await sourceAt(context, "artifactregistry.invalid", { limits: { attempts: 1 } });
    await assert.rejects(source.listTags(unhurried), /credentials/);
    respond = (response, url) => {
      if (url.includes("/token")) return response.end('{"access_token":"t","expires_in":3600}');
      return response.setHeader("content-type", "text/plain").end("googleapis.com");
    };
    asked.length = 0;
    await assert.rejects(source.listTags(unhurried));
    await eventually(() => assert.ok(asked.length > 0));
  });
});
