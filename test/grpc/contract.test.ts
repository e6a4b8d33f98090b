import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import protobuf from "protobufjs";
import { fieldNumbers, messageEncoder, PROTO_FOLDER, servedService } from "../../src/grpc/server/contract.ts";

/** Above it there is room for what is sent in front of the state. */
const STATE_NUMBER = 15;
const PACKAGE_FOLDER = join(PROTO_FOLDER, "..");
const run = promisify(execFile);

function loadContract(): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => (target.startsWith("google/protobuf/") ? target : join(PROTO_FOLDER, target));
  return root.loadSync("labimages/v1/image_service.proto");
}

describe("the contract", () => {
  const root = loadContract();
  const service = root.lookupService("labimages.v1.ImageService").resolveAll() as protobuf.Service;

  test("every response ends with the state, under one number", () => {
    for (const { responseType } of service.methodsArray) {
      const fields = root.lookupType(`labimages.v1.${responseType}`).fieldsArray;
      const state = fields.at(-1);
      assert.equal(state?.name, "state", responseType);
      assert.equal(state?.type, "StateVersion", responseType);
      assert.equal(state?.id, STATE_NUMBER, responseType);
      assert.ok(
        fields.every(({ id }) => id <= STATE_NUMBER),
        responseType,
      );
    }
  });

  test("the numbers of fields are those of the .proto file", () => {
    assert.equal(fieldNumbers("labimages.v1.ListImagesResponse")("nextPageToken"), 6);
    assert.equal(fieldNumbers("labimages.v1.PrepullStatus")("progress"), 6);
    // A cast, because the compiler refuses the wrong name already.
    const wrong = "images" as "image";
    assert.throws(() => fieldNumbers("labimages.v1.ResolveImageResponse")(wrong), /no field images/);
  });

  test("what is no service or message of the contract is refused when it is asked for", () => {
    assert.throws(() => servedService("labimages.v1.Nothing"), /does not define/);
    assert.throws(() => servedService("labimages.v1.Image"), /no service/);
    // A cast, because the compiler refuses the wrong name already.
    assert.throws(() => messageEncoder("labimages.v1.ImageService" as "labimages.v1.Image"), /no message/);
  });

  test("an answer that is not bytes is refused instead of being sent as an empty message", () => {
    const { responseSerialize } = servedService("labimages.v1.ImageService")["GetMenu"] ?? {};
    assert.throws(() => responseSerialize?.(new Uint8Array(3)), /encoded before/);
    assert.deepEqual(responseSerialize?.(Buffer.from("ok")), Buffer.from("ok"));
  });
});

async function filesIn(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files.set(relative(folder, path), await readFile(path, "utf8"));
  }
  return files;
}

describe("what is generated from the contract", () => {
  const tool = (name: string) => join(PACKAGE_FOLDER, "node_modules", ".bin", name);

  test("the types are those that the generator writes today", async () => {
    const folder = await mkdtemp(join(tmpdir(), "lab-images-types-"));
    try {
      const options = ["--longs=Number", "--enums=String", "--defaults", "--oneofs", "--importFileExtension=.ts"];
      const common = [...options, "--includeDirs=proto", `--outDir=${folder}`];
      const served = ["labimages/v1/image_service.proto", "grpc/health/v1/health.proto"];
      const details = ["google/rpc/status.proto", "google/rpc/error_details.proto"];
      const generator = tool("proto-loader-gen-types");
      await run(generator, [...common, "--grpcLib=@grpc/grpc-js", ...served], { cwd: PACKAGE_FOLDER });
      await run(generator, [...common, ...details], { cwd: PACKAGE_FOLDER });
      assert.deepEqual(await filesIn(join(PACKAGE_FOLDER, "src", "grpc", "gen")), await filesIn(folder));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("the descriptor image is what the compiler makes of the .proto files today", async () => {
    const folder = await mkdtemp(join(tmpdir(), "lab-images-image-"));
    try {
      const image = join(folder, "image.binpb");
      await run(tool("buf"), ["build", "-o", image], { cwd: PACKAGE_FOLDER });
      assert.ok((await readFile(image)).equals(await readFile(join(PROTO_FOLDER, "labimages.binpb"))));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
