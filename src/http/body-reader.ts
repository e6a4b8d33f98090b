import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpLimit } from "../domain/peer-limits.ts";
import { DeadlineReached, withDeadline } from "../lib/abort.ts";
import { createFairPool } from "../lib/concurrency.ts";
import type { Clock } from "../ports.ts";
import { peerOfSocket } from "./connections.ts";
import { sendText } from "./response.ts";

/** Reads bodies of requests, a few at a time, within bounds of size and time. */
export interface BodyReader {
  /**
   * Passes the body on to `onChunk`, and returns true at its end. Returns false where it was refused; the response has been sent,
   * or the connection cut.
   */
  read(request: IncomingMessage, response: ServerResponse, onChunk: (chunk: Buffer) => void): Promise<boolean>;
}

/** Maximum size of a notification; that of one push has a few thousand bytes. */
export const MAX_BODY_BYTES = 1_048_576;
/** Bodies that are received at one time. */
const MAX_BODIES = 16;
/** Time in ms that a body may take. */
const BODY_TIMEOUT_MS = 5_000;
/** Time in ms after which an incomplete body is evicted for another. */
const STALL_MS = 500;

const CLOSE = ["Connection", "close"] as const;

export function createBodyReader(clock: Clock, onLimit: (limit: HttpLimit, peer: string) => void): BodyReader {
  const places = createFairPool(MAX_BODIES);
  return {
    async read(request, response, onChunk) {
      const since = clock.monotonicTime();
      const { socket } = request;
      const peer = peerOfSocket(socket);
      const evict = (): void => {
        onLimit("bodies", peer);
        socket.destroy();
      };
      const yields = () => clock.monotonicTime() - since >= STALL_MS;
      const place = places.take({ owner: peer, member: socket, amount: 1 }, { yields, evict });
      if (place === null) {
        onLimit("bodies", peer);
        sendText(request, response, 503, "too many notifications at once", [...CLOSE, "Retry-After", "1"]);
        return false;
      }
      try {
        const isTooLong = Number(request.headers["content-length"] ?? 0) > MAX_BODY_BYTES;
        if (!isTooLong && request.headers.expect !== undefined) response.writeContinue();
        const { signal } = new AbortController();
        const isWhole =
          !isTooLong && (await withDeadline(clock, BODY_TIMEOUT_MS, signal, () => receive(request, onChunk)));
        if (!isWhole) {
          onLimit("body_bytes", peer);
          sendText(request, response, 413, `a notification has at most ${MAX_BODY_BYTES} bytes`, CLOSE);
        }
        return isWhole;
      } catch (error) {
        if (error instanceof DeadlineReached) {
          onLimit("body_time", peer);
          sendText(request, response, 408, `a notification takes at most ${BODY_TIMEOUT_MS / 1_000} s`, CLOSE);
        }
        return false;
      } finally {
        place.release();
        request.removeAllListeners("data");
        request.resume();
      }
    },
  };
}

/** Whether the body came to its end within the size. Rejects where the connection ends before. */
function receive(request: IncomingMessage, onChunk: (chunk: Buffer) => void): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) resolve(false);
      else onChunk(chunk);
    });
    request.once("end", () => resolve(true));
    request.once("close", () => reject(new Error("the connection has ended")));
    request.once("error", reject);
  });
}
