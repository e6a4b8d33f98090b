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
 * Hands a body on piece by piece, inflated where the peer has compressed it unasked. What counts against `maxBytes` is
 * what comes out, so that a small body that inflates to a huge one is stopped on its way. The body is destroyed in every
 * case but success. Rejects with the errors above, with the stream's own, or with what `onChunk` throws.
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
    const transform = inflater(contentEncoding.trim().toLowerCase());
    if (transform === null) await pipeline(body, passOn);
    else await pipeline(body, transform, passOn);
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
