import { constants, type Stats } from "node:fs";
import { open } from "node:fs/promises";

/** A path names no file that can be read as one; the message says what was found, without the path. */
export class UnusableFileError extends Error {
  override readonly name = "UnusableFileError";
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
