import { ownBytes } from "../../lib/bytes.ts";

const NEWLINE = 0x0a;

/** Cuts a stream of bytes into lines. */
export interface LineCutter {
  /** The lines that are whole with this chunk, oldest first; null where a line exceeds the limit. */
  push(chunk: Buffer): readonly string[] | null;
  /** Whether bytes wait for the rest of their line. */
  readonly hasRest: boolean;
}

/** A cutter that gives up on lines over `maxBytes`: a node of 50 images is 15 kB. Empty lines are passed over. */
export function createLineCutter(maxBytes: number): LineCutter {
  let rest: Buffer[] = [];
  let restBytes = 0;

  function completed(last: Buffer): string {
    const line = rest.length === 0 ? last : Buffer.concat([...rest, last]);
    rest = [];
    restBytes = 0;
    return line.toString("utf8");
  }

  return {
    push(chunk) {
      const lines: string[] = [];
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        const line = completed(chunk.subarray(start, end));
        if (line !== "") lines.push(line);
        start = end + 1;
      }
      if (start < chunk.length) {
        rest.push(ownBytes(chunk.subarray(start)));
        restBytes += chunk.length - start;
      }
      return restBytes > maxBytes ? null : lines;
    },
    get hasRest() {
      return restBytes > 0;
    },
  };
}
