/**
 * The few parts of the protobuf wire format (https://protobuf.dev/programming-guides/encoding/) that put messages which
 * are encoded already into another one. Field numbers are below 2^28.
 */

const WIRE_TYPE_VARINT = 0;
const WIRE_TYPE_LENGTH_DELIMITED = 2;

function key(field: number, wireType: number): number {
  return (field << 3) | wireType;
}

/** Bytes that `value` (not negative, below 2^31) takes as a varint. */
function varintSize(value: number): number {
  let size = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) size++;
  return size;
}

function writeVarint(target: Buffer, value: number, at: number): number {
  let position = at;
  let rest = value;
  while (rest > 0x7f) {
    target[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[position++] = rest;
  return position;
}

/** Size in bytes of an embedded message or string of `length` bytes, with its length but without its key. */
function sizeWithLength(length: number): number {
  return varintSize(length) + length;
}

/** At most the size in bytes of an embedded message or string of `length` bytes in a field below 2,048. */
export function maxDelimitedSize(length: number): number {
  return 2 + sizeWithLength(length);
}

/** Each of `values` as one occurrence of the length-delimited field `field`: a message, a string or bytes. */
export function delimited(field: number, ...values: readonly Buffer[]): Buffer {
  return repeatedDelimited(field, values);
}

/** As `delimited`, for lists that are too long to be arguments. */
export function repeatedDelimited(field: number, values: readonly Buffer[]): Buffer {
  const fieldKey = key(field, WIRE_TYPE_LENGTH_DELIMITED);
  let size = values.length * varintSize(fieldKey);
  for (const value of values) size += sizeWithLength(value.length);
  const target = Buffer.allocUnsafe(size);
  let position = 0;
  for (const value of values) {
    position = writeVarint(target, fieldKey, position);
    position = writeVarint(target, value.length, position);
    position += value.copy(target, position);
  }
  return target;
}

/** A string field; an empty string takes no bytes, as proto3 has it. */
export function stringField(field: number, value: string): Buffer {
  return value === "" ? Buffer.alloc(0) : delimited(field, Buffer.from(value, "utf8"));
}

/** A bool field; false takes no bytes, as proto3 has it. */
export function boolField(field: number, value: boolean): Buffer {
  if (!value) return Buffer.alloc(0);
  const fieldKey = key(field, WIRE_TYPE_VARINT);
  const target = Buffer.alloc(varintSize(fieldKey) + 1, 1);
  writeVarint(target, fieldKey, 0);
  return target;
}
