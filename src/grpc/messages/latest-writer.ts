import type { OpenStream } from "../server/stream-call.ts";

/**
 * Sends what is offered, one message at a time. While the transport has not taken the last one, only the latest offer is
 * kept: a reader that does not read costs one message (faults.md G1).
 */
export function createLatestWriter(stream: OpenStream): (bytes: Buffer) => void {
  let sending = false;
  let waiting: Buffer | null = null;

  function send(bytes: Buffer): void {
    sending = true;
    stream.send(bytes, () => {
      sending = false;
      const next = waiting;
      waiting = null;
      if (next !== null) send(next);
    });
  }

  return (bytes) => {
    if (sending) waiting = bytes;
    else send(bytes);
  };
}
