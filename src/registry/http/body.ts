import type { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";

/** An answer is larger than its reader is ready to hold. */
export class BodyTooLargeError extends Error {}

/** An answer is encoded in a way that was not asked for and is not understood. */
export class BodyEncodingError extends Error {}

function inflater(encoding: string): Transform | null {
  switch (encoding) {
    case "":
    case "identity":
      return null;
    case "gzip":
    case "x-gzip":
      return createGunzip();
    case "deflate":
      return createInflate();
    case "br":
      return createBrotliDecompress();
    default:
      throw new BodyEncodingError("an answer's Content-Encoding is not understood");
  }
}

/**
 * Reads an answer to its end, inflated where the peer has compressed it unasked. What counts against `maxBytes` is what
 * comes out, piece by piece, so that a small body that inflates to a huge one is stopped on its way. The body is
 * destroyed in every case but success. Rejects with the errors above, or with the stream's own.
 */
export async function readBody(body: Readable, contentEncoding: string, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  async function collect(source: AsyncIterable<Buffer>): Promise<void> {
    for await (const chunk of source) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new BodyTooLargeError("an answer is too large");
      chunks.push(chunk);
    }
  }
  try {
    const transform = inflater(contentEncoding.trim().toLowerCase());
    if (transform === null) await pipeline(body, collect);
    else await pipeline(body, transform, collect);
  } finally {
    // Undici reports the end of a body that is destroyed early as an error event.
    body.on("error", () => undefined);
    body.destroy();
  }
  return Buffer.concat(chunks, bytes);
}
