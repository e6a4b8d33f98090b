import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { createGoogleSource } from "../../src/registry/google/google-source.ts";
import { collectGarbage } from "../support/collect-garbage.ts";
import { recordLog } from "./log-recorder.ts";
import { nodeClock } from "./node-clock.ts";
import { quickLimits, unhurried } from "./source-under-test.ts";

const METHOD = "/google.devtools.artifactregistry.v1.ArtifactRegistry/ListDockerImages";
const NAME = "us-central1-docker.pkg.dev/ceres/library/sketchbook";
const MIB = 1_024 * 1_024;
const pass = (bytes: Buffer): Buffer => bytes;

/** A source before a server that answers with these bytes, whatever it is asked; and how often it was. */
async function sourceOf(context: TestContext, page: Buffer) {
  const server = new Server({ "grpc.max_send_message_length": -1 });
  let asked = 0;
  const method = { path: METHOD, requestStream: false, responseStream: false } as const;
  const serialization = {
    requestSerialize: pass,
    requestDeserialize: pass,
    responseSerialize: pass,
    responseDeserialize: pass,
  };
  server.addService(
    { method: { ...method, ...serialization } },
    {
      method(_: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) {
        asked += 1;
        callback(null, page);
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  context.after(() => server.forceShutdown());
  const source = await createGoogleSource({
    location: "us-central1",
    projectId: "ceres",
    repository: "library",
    image: "sketchbook",
    apiEndpoint: `127.0.0.1:${port}`,
    clock: nodeClock,
    random: () => 0.5,
    logger: recordLog(),
    limits: quickLimits,
  });
  context.after(() => source.close());
  return { list: () => source.listTags(unhurried), asked: () => asked };
}

/** A field of bytes. */
function field(number: number, content: Buffer): Buffer {
  const length: number[] = [];
  let rest = content.length;
  for (; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length, rest]), content]);
}

function repeated(unit: Buffer, bytes: number): Buffer {
  return Buffer.alloc(bytes - (bytes % unit.length), unit);
}

const EMPTY_IMAGE = field(1, Buffer.alloc(0));
const EMPTY_TAG = field(3, Buffer.alloc(0));
const uri = field(2, Buffer.from(`${NAME}@sha256:${"a".repeat(64)}`));

describe("F6: pages of Google's API cost what their bytes become", () => {
  for (const [what, page, message] of [
    ["30 MiB of empty images", repeated(EMPTY_IMAGE, 30 * MIB), /sends more than 1000 images a page/],
    ["30 MiB of empty tags", field(1, repeated(EMPTY_TAG, 30 * MIB)), /sends more fields a page than/],
    ["30 MiB of an unknown field", repeated(field(15, Buffer.alloc(0)), 30 * MIB), /sends more fields a page than/],
    ["a page token without end", field(2, Buffer.alloc(MIB, "x")), /sends a page token without end/],
    ["no message at all", Buffer.from("<html>"), /answers with something else than a list of images/],
    ["a length beyond the end", Buffer.from([10, 100, 1]), /answers with something else than a list of images/],
    ["a number without end", Buffer.alloc(100, 255), /answers with something else than a list of images/],
    ["33 MiB", field(1, Buffer.alloc(33 * MIB)), /answers with more bytes than are read/],
  ] as const) {
    test(what, async (context) => {
      const { list, asked } = await sourceOf(context, page);
      collectGarbage();
      const before = process.memoryUsage().heapUsed;
      await assert.rejects(list(), { name: "RegistryUnavailableError", message });
      // Decoded as usual, 30 MiB of empty images are 2 GB.
      assert.ok(process.memoryUsage().heapUsed - before < 64 * MIB);
      assert.equal(asked(), 1, "it is not asked for again");
    });
  }

  test("a page that is as it should be is read, whatever else stands in it", async (context) => {
    const size = Buffer.from([4 * 8, 0x80, 0xd0, 0xac, 0xf3, 0x0e]);
    const tags = Array.from({ length: 10_000 }, (_, at) => field(3, Buffer.from(`w_2077_${at}`)));
    const more = [field(6, Buffer.from("type")), Buffer.from([9 * 8 + 1, ...Buffer.alloc(8)]), field(11, uri)];
    const image = field(1, Buffer.concat([uri, ...tags, size, ...more]));
    const long = field(1, Buffer.concat([field(2, Buffer.alloc(5_000, "u")), field(3, Buffer.from("other"))]));
    const { list } = await sourceOf(context, Buffer.concat([long, image, field(2, Buffer.alloc(0))]));
    const listed = await list();
    assert.equal(listed.length, 10_000);
    assert.deepEqual(listed[9_999], {
      tag: "w_2077_9999",
      digest: `sha256:${"a".repeat(64)}`,
      sizeBytes: 4_000_000_000,
    });
  });
});
