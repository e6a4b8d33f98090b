import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { PROTO_FOLDER } from "../../src/grpc/server/contract.ts";
import { eventually } from "../support/eventually.ts";
import { ask, failureOf } from "./support/calls.ts";
import { fakeState, snapshotOf } from "./support/fake-state.ts";
import { imageOf } from "./support/images.ts";
import { framed, openCall, rawConnection } from "./support/raw-http2.ts";
import { type RunningServer, startServer } from "./support/running-server.ts";

const BUF = join(PROTO_FOLDER, "..", "node_modules", ".bin", "buf");

/** Runs `buf curl` far from our own .proto files, so that all it knows it has by reflection. */
async function bufCurl({ address }: RunningServer, ...options: string[]): Promise<string> {
  const path = options.pop() ?? "";
  const common = ["curl", "--http2-prior-knowledge", "--protocol", "grpc"];
  const { stdout } = await promisify(execFile)(BUF, [...common, ...options, `http://${address}${path}`], {
    cwd: tmpdir(),
  });
  return stdout;
}

function start(context: Parameters<typeof startServer>[0]) {
  const images = [imageOf("w_2077_43", { cycle: 45 })];
  return startServer(context, { state: fakeState(snapshotOf(1, { images })) });
}

describe("reflection", () => {
  test("lists every method", async (context) => {
    const methods = await bufCurl(await start(context), "--list-methods", "");
    assert.deepEqual(methods.trim().split("\n"), [
      "grpc.health.v1.Health/Check",
      "grpc.health.v1.Health/List",
      "grpc.health.v1.Health/Watch",
      "labimages.v1.ImageService/GetCaller",
      "labimages.v1.ImageService/GetMenu",
      "labimages.v1.ImageService/GetPrepullStatus",
      "labimages.v1.ImageService/ListImages",
      "labimages.v1.ImageService/ListMissingImages",
      "labimages.v1.ImageService/MarkPrepulled",
      "labimages.v1.ImageService/Refresh",
      "labimages.v1.ImageService/ReportPrepull",
      "labimages.v1.ImageService/ResolveImage",
      "labimages.v1.ImageService/WaitForRefresh",
      "labimages.v1.ImageService/WatchPrepullStatus",
    ]);
  });

  for (const version of ["grpc-v1", "grpc-v1alpha"]) {
    test(`is enough to call a method in JSON (${version})`, async (context) => {
      const path = "/labimages.v1.ImageService/ResolveImage";
      const options = ["--reflect-protocol", version, "-d", '{"tag": "w_2077_43"}', path];
      const { image, state } = JSON.parse(await bufCurl(await start(context), ...options));
      assert.equal(image.displayName, "Image w_2077_43");
      assert.equal(image.imageType, "IMAGE_TYPE_WEEKLY");
      assert.equal(image.sizeBytes, "5000000000");
      assert.equal(image.buildTime, "2077-10-21T00:00:00Z");
      assert.equal(image.cycle, 45);
      assert.equal(state.generation, "1");
    });
  }

  test("serves the comments of the contract, so that it describes itself", async (context) => {
    const { client, call } = openReflection(await start(context));
    context.after(() => client.close());
    const symbol = Buffer.from("labimages.v1.ImageService");
    // Field 4 of `ServerReflectionRequest`: the file that has this symbol.
    call.end(Buffer.concat([Buffer.from([0x22, symbol.length]), symbol]));
    const received: Buffer[] = [];
    call.on("data", (bytes: Buffer) => void received.push(bytes));
    await once(call, "end");
    const file = Buffer.concat(received).toString("latin1");
    for (const comment of ["GetMenu returns what a spawner shows", "The recommended image, prepulled or not"]) {
      assert.ok(file.includes(comment), comment);
    }
    assert.ok(file.includes("labimagesv1") && file.includes("org.labimages.v1"), "packages of Go and Java");
  });

  test("knows maps and durations", async (context) => {
    const path = "/labimages.v1.ImageService/GetPrepullStatus";
    const { status } = JSON.parse(await bufCurl(await start(context), "-d", "{}", path));
    assert.deepEqual(status.config.nodeSelector, { pool: "labs" });
    assert.equal(status.config.prepullTimeout, "600.500s");
  });
});

/** A request for the list of services, as bytes: field 7 of `ServerReflectionRequest`. */
const LIST_SERVICES = Buffer.from([0x3a, 0x01, 0x2a]);

function openReflection({ address }: RunningServer, options: Record<string, number> = {}) {
  const client = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1, ...options });
  const pass = (bytes: Buffer) => bytes;
  const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(path, pass, pass);
  const ended = new Promise<ServiceError>((resolve) => call.on("error", resolve));
  return { client, call, ended };
}

/** More than the flow-control window of the server holds. */
const REQUESTS = 20_000;

describe("a reflection stream", () => {
  test("is counted and limited like any other, and ends with the server", async (context) => {
    const running = await startServer(context, { limits: { calls: 1 } });
    const first = openReflection(running);
    first.call.write(LIST_SERVICES);
    await new Promise((resolve) => first.call.once("data", resolve));
    assert.equal(running.openStreams(), 1);
    const second = openReflection(running);
    assert.equal(failureOf(await second.ended).reason, "TOO_MANY_STREAMS");
    const stopped = running.server.shutdown(5_000);
    assert.equal(failureOf(await first.ended).reason, "SHUTTING_DOWN");
    await stopped;
    for (const { client } of [first, second]) client.close();
  });

  test("F60: goes on past the time of a request while its requests are complete, and ends when it is idle for long", async (context) => {
    const running = await startServer(context, { limits: { requestTimeout: 300 } });
    const { client, call, ended } = openReflection(running);
    context.after(() => client.close());
    let over = false;
    const end = ended.then((error) => {
      over = true;
      return error;
    });
    const since = performance.now();
    call.write(LIST_SERVICES);
    await new Promise((resolve) => call.once("data", resolve));
    // The server looks for calls that are late once a second.
    await eventually(() => assert.ok(performance.now() - since > 3_000 || over));
    assert.equal(over, false);
    assert.equal((await end).code, status.DEADLINE_EXCEEDED);
    assert.ok(performance.now() - since >= 9_000);
  });

  test("does not pile up answers for a caller that does not read them", async (context) => {
    const running = await startServer(context);
    const session = rawConnection(context, running.address);
    const call = openCall(session, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
    // The name of a type: field 4. Each answer holds several of our files.
    const question = Buffer.concat([Buffer.from([0x22, 25]), Buffer.from("labimages.v1.ImageService")]);
    for (let index = 0; index < REQUESTS; index++) call.write(framed(question));
    for (let round = 0; round < 200; round++) await ask(running.health, running.health.Check, {});
    assert.ok(call.writableLength > 0, "all requests were taken, and their answers wait in the server's memory");
    call.close(8);
    await eventually(() => assert.equal(running.openStreams(), 0));
  });
});
