import { loadSync, type Options } from "@grpc/proto-loader";

/** How the .proto files are read by what is no part of the service: 64-bit numbers as numbers, every field set. */
export const contractOptions: Options = {
  includeDirs: [new URL("../../proto", import.meta.url).pathname],
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
};

/** What decodes messages of this type, which has to be that of `Message`. */
export function messageDecoder<Message>(file: string, name: string): (bytes: Buffer) => Message {
  const definition = loadSync(file, contractOptions)[name];
  if (definition === undefined || !("deserialize" in definition)) throw new TypeError(`there is no message ${name}`);
  const deserialize = definition.deserialize as (bytes: Buffer) => unknown;
  return (bytes) => deserialize(bytes) as Message;
}
