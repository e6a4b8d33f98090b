/** A complete DER value: tag, length and content. */
export type Der = Buffer;

/** SEQUENCE of the given values. */
export function sequence(...values: readonly Der[]): Der {
  return value(0x30, Buffer.concat(values));
}

/** SET of the given values; the caller gives them in DER's order (one value needs none). */
export function set(...values: readonly Der[]): Der {
  return value(0x31, Buffer.concat(values));
}

/** A non-negative INTEGER from big-endian bytes, in the shortest form as DER demands. */
export function integer(bytes: Buffer): Der {
  const start = bytes.findIndex((byte) => byte !== 0);
  const shortest = start < 0 ? Buffer.from([0]) : bytes.subarray(start);
  const first = shortest[0] ?? 0;
  const sign = first >= 0x80 ? [Buffer.from([0])] : [];
  return value(0x02, Buffer.concat([...sign, shortest]));
}

/** BOOLEAN. */
export function boolean(truth: boolean): Der {
  return value(0x01, Buffer.from([truth ? 0xff : 0x00]));
}

/** BIT STRING of whole bytes, or of bytes that already start with their count of unused bits (`counted`). */
export function bitString(bytes: Buffer, form: "whole" | "counted" = "whole"): Der {
  const prefix = form === "whole" ? [Buffer.from([0])] : [];
  return value(0x03, Buffer.concat([...prefix, bytes]));
}

/** OCTET STRING. */
export function octetString(bytes: Buffer): Der {
  return value(0x04, bytes);
}

/** UTF8String. */
export function utf8String(text: string): Der {
  return value(0x0c, Buffer.from(text, "utf8"));
}

/** UTCTime, which ends in 2049: enough for certificates of a test run. */
export function utcTime(date: Date): Der {
  const digits = date.toISOString().replace(/[-:T]/g, "").slice(2, 14);
  return value(0x17, Buffer.from(`${digits}Z`, "ascii"));
}

/** OBJECT IDENTIFIER from its dotted form. */
export function objectIdentifier(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const arcs = [first * 40 + second, ...rest];
  return value(0x06, Buffer.from(arcs.flatMap(base128)));
}

/** A context-specific tag around other values (`constructed`) or in place of a plain one's tag (`primitive`). */
export function context(tag: number, content: Buffer, form: "constructed" | "primitive" = "constructed"): Der {
  return value((form === "constructed" ? 0xa0 : 0x80) | tag, content);
}

function value(tag: number, content: Buffer): Der {
  return Buffer.concat([Buffer.from([tag, ...length(content.length)]), content]);
}

function length(size: number): number[] {
  if (size < 0x80) {
    return [size];
  }
  const bytes: number[] = [];
  for (let rest = size; rest > 0; rest = Math.floor(rest / 256)) {
    bytes.unshift(rest % 256);
  }
  return [0x80 | bytes.length, ...bytes];
}

/** Seven bits a byte, the highest bit set on all but the last. */
function base128(arc: number): number[] {
  const bytes = [arc % 128];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.unshift((rest % 128) | 0x80);
  }
  return bytes;
}
