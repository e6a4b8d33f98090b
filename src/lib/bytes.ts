import { constants, type Stats } from "node:fs";
import { open } from "node:fs/promises";

/** A path names no file that can be read as one; the message says what was found, without the path. */
export class UnusableFileError extends Error {
  override readonly name = "UnusableFileError";
  /** As Node's errors have it. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Bytes: what a file that is mounted from a Kubernetes Secret or ConfigMap has at most. */
const MAX_MOUNTED_BYTES = 1_048_576;
const MIN_PART_BYTES = 4_096;

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
 * UnusableFileError for everything that is no regular file or has more than `maxBytes` (1 MiB), and with the system's
 * error where the file cannot be opened.
 */
export async function readRegularFile(path: string, maxBytes = MAX_MOUNTED_BYTES): Promise<Buffer> {
  // Without O_NONBLOCK the opening of a FIFO waits for a writer.
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const stats = await file.stat();
  if (!stats.isFile()) throw kindError(stats);
  const parts: Buffer[] = [];
  // The size that a file system reports may be 0 for a file with content, as below /proc.
  const partBytes = Math.min(Math.max(stats.size, MIN_PART_BYTES), maxBytes) + 1;
  for (let length = 0; length <= maxBytes; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(partBytes), 0);
    if (bytesRead === 0) return ownBytes(...parts);
    parts.push(buffer.subarray(0, bytesRead));
    length += bytesRead;
  }
  throw new UnusableFileError("EFBIG", `expected at most ${maxBytes.toLocaleString("en")} bytes, found more`);
}

function kindError(stats: Stats): UnusableFileError {
  const [code, kind] = stats.isDirectory()
    ? ["EISDIR", "a directory"]
    : ["ENOTREG", stats.isFIFO() ? "a FIFO" : stats.isSocket() ? "a socket" : "a device"];
  return new UnusableFileError(code, `expected a regular file, found ${kind}`);
}
