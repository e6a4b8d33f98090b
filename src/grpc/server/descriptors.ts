import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { EnumTypeDefinition, PackageDefinition } from "@grpc/proto-loader";
import protobuf from "protobufjs";
import { ownBytes } from "../../lib/bytes.ts";
import { PROTO_FOLDER } from "./contract.ts";

/** `file`, the only field of `google.protobuf.FileDescriptorSet`. */
const FILE_FIELD = 1;

function splitDescriptorSet(bytes: Buffer): Buffer[] {
  const files: Buffer[] = [];
  const reader = protobuf.Reader.create(bytes);
  while (reader.pos < reader.len) {
    const key = reader.uint32();
    if (key >>> 3 === FILE_FIELD) files.push(ownBytes(reader.bytes()));
    else reader.skipType(key & 7);
  }
  return files;
}

/**
 * The descriptors of the .proto files as the compiler wrote them into the committed image. What proto-loader derives from
 * the files it has loaded will not do for reflection: it merges files, drops their imports, renames fields and leaves out
 * the entries of maps, so that clients refuse it.
 */
export function compiledDescriptors(): PackageDefinition {
  const fileDescriptorProtos = splitDescriptorSet(readFileSync(join(PROTO_FOLDER, "labimages.binpb")));
  // Of a definition the reflection library reads nothing but the descriptors of its files.
  const contract: EnumTypeDefinition = {
    format: "Protocol Buffer 3 EnumDescriptorProto",
    type: {},
    fileDescriptorProtos,
  };
  return { contract };
}
