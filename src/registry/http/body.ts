import type { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from "node:zlib";

/** An answer is larger than its reader is ready to hold. */
export class BodyTooLargeError extends Error {}

/** An answer is encoded in a way that was not asked for and is not understood. */
export class BodyEncodingError extends Error {}

/** Encodings that leave the bytes as they are, among them names that servers send without meaning anything by them. */
const plainEncodings: ReadonlySet<string> = new Set(["", "identity", "none", "utf-8", "binary", "aws-chunked"]);

/** `deflate` is the zlib format (RFC 9110, section 8.4.1.2), but some servers send it without the header of that. */
function deflateOf(first: Buffer): Transform {
  const header = (first[0] ?? 0) * 256 + (first[1] ?? 0);
  const isZlib = ((first[0] ?? 0) & 0x0f) === 8 && (first.length < 2 || header % 31 === 0);
  return isZlib ? createInflate() : createInflateRaw();
}

/** What inflates a body that begins with `first`; null where there is nothing to inflate. */
function inflater(encoding: string, first: Buffer): Transform | null {
  if (plainEncodings.has(encoding)) return null;
  switch (encoding) {
    case "gzip":
    case "x-gzip":
      return createGunzip();
    case "deflate":
      return deflateOf(first);
    case "br":
      return createBrotliDecompress();
    default:
      throw new BodyEncodingError("an answer's Content-Encoding is not understood");
  }
}

async function* prepend(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

/**
 * Hands a body on piece by piece, inflated where the peer has compressed it unasked; an empty body is empty, whatever it
 * is said to be encoded in. What counts against `maxBytes` is what comes out, so that a small body that inflates to a huge
 * one is stopped on its way. The body is destroyed in every case but success. Rejects with the errors above, with the
 * stream's own, or with what `onChunk` throws.
 */
export async function streamBody(
  body: Readable,
  contentEncoding: string,
  maxBytes: number,
  onChunk: (chunk: Buffer) => void,
): Promise<void> {
  let bytes = 0;
  async function passOn(source: AsyncIterable<Buffer>): Promise<void> {
    for await (const chunk of source) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new BodyTooLargeError("an answer is too large");
      onChunk(chunk);
    }
  }
  try {
    const pieces: AsyncIterator<Buffer> = body[Symbol.asyncIterator]();
    const first = await pieces.next();
    if (first.done === true) return;
    const transform = inflater(contentEncoding.trim().toLowerCase(), first.value);
    const whole = prepend(first.value, pieces);
    if (transform === null) await passOn(whole);
    else await pipeline(whole, transform, passOn);
  } finally {
    // Undici reports the end of a body that is destroyed early as an error event.
    body.on("error", () => undefined);
    body.destroy();
  }
}

/** Reads a body to its end and keeps it; as `streamBody` in all else. */
export async function readBody(body: Readable, contentEncoding: string, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await streamBody(body, contentEncoding, maxBytes, (chunk) => chunks.push(chunk));
  return Buffer.concat(chunks);
}
