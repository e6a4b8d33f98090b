import { constants, type Stats } from "node:fs";
import { open } from "node:fs/promises";

/** A path names no file that can be read as one; the message says what was found, without the path. */
export class UnusableFileError extends Error {
  override readonly name = "UnusableFileError";
}

/**
 * Returns the parts as one piece of memory of exactly their size: for all bytes that are kept. What Node and its libraries
 * hand out may be cut from a pool that they share, or from a larger message, and would keep the whole of that: 64 KiB for a
 * few bytes (field case F62).
 */
export function ownBytes(...parts: readonly Uint8Array[]): Buffer {
  let size = 0;
  for (const part of parts) size += part.length;
  const own = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const part of parts) {
    own.set(part, at);
    at += part.length;
  }
  return own;
}

/**
 * Returns the text as characters of its own: for texts that are kept. V8 makes a part of a text, from 13 characters on, a
 * view of the whole, and keeps the whole for it.
 */
export function ownText(text: string): string {
  const own: unknown = JSON.parse(JSON.stringify(text));
  return String(own);
}

/**
 * Reads a regular file. A FIFO or a device could block for ever or never end: neither is read. Rejects with an
 * UnusableFileError for everything that is no regular file or has more than `maxBytes`, and with the system's error where
 * the file cannot be opened.
 */
export async function readRegularFile(path: string, maxBytes: number): Promise<Buffer> {
  // Without O_NONBLOCK the opening of a FIFO waits for a writer.
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const kind = kindOf(await file.stat());
  if (kind !== "file") throw new UnusableFileError(`expected a regular file, found ${kind}`);
  const bytes = Buffer.alloc(maxBytes + 1);
  let length = 0;
  // The size that a file system reports may be 0 for a file with content, as below /proc.
  for (let read = -1; read !== 0 && length < bytes.length; length += read) {
    ({ bytesRead: read } = await file.read(bytes, length));
  }
  if (length > maxBytes)
    throw new UnusableFileError(`expected at most ${maxBytes.toLocaleString("en")} bytes, found more`);
  return Buffer.from(bytes.subarray(0, length));
}

function kindOf(stats: Stats): string {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "a directory";
  if (stats.isFIFO()) return "a FIFO";
  return stats.isSocket() ? "a socket" : "a device";
}
