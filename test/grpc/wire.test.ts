import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import protobuf from "protobufjs";
import {
  boolField,
  delimited,
  maxDelimitedSize,
  repeatedDelimited,
  stringField,
} from "../../src/grpc/messages/wire.ts";

function read(bytes: Buffer): { field: number; value: string | number }[] {
  const reader = protobuf.Reader.create(bytes);
  const found: { field: number; value: string | number }[] = [];
  while (reader.pos < reader.len) {
    const key = reader.uint32();
    const value = (key & 7) === 2 ? Buffer.from(reader.bytes()).toString("hex") : reader.uint32();
    found.push({ field: key >>> 3, value });
  }
  return found;
}

test("embedded messages of any length can be read back, in their order", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 5 }), (lengths) => {
      const values = lengths.map((length) => Buffer.alloc(length, length % 251));
      const bytes = repeatedDelimited(15, values);
      assert.deepEqual(
        read(bytes),
        values.map((value) => ({ field: 15, value: value.toString("hex") })),
      );
      assert.equal(
        bytes.length + lengths.length,
        lengths.reduce((sum, length) => sum + maxDelimitedSize(length), 0),
        "a key of one byte",
      );
    }),
    { numRuns: 50 },
  );
});

test("a key of two bytes can be read back", () => {
  const bytes = Buffer.concat([delimited(16, Buffer.from("a")), stringField(2_047, "b"), boolField(16, true)]);
  assert.deepEqual(read(bytes), [
    { field: 16, value: "61" },
    { field: 2_047, value: "62" },
    { field: 16, value: 1 },
  ]);
});

test("a length of four varint bytes can be read back", () => {
  const value = Buffer.alloc(2 ** 21, 7);
  assert.deepEqual(read(delimited(1, value)), [{ field: 1, value: value.toString("hex") }]);
});

test("default values take no bytes", () => {
  assert.equal(stringField(3, "").length, 0);
  assert.equal(boolField(3, false).length, 0);
  assert.deepEqual(read(Buffer.concat([stringField(3, "é"), boolField(4, true)])), [
    { field: 3, value: "c3a9" },
    { field: 4, value: 1 },
  ]);
});
