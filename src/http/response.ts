import type { IncomingMessage, ServerResponse } from "node:http";
import { ownBytes } from "../lib/bytes.ts";

/** A body with its headers, encoded once and sent many times. */
export interface EncodedBody {
  readonly bytes: Buffer;
  /** Names and values in turn, as `ServerResponse.writeHead` takes them. */
  readonly headers: readonly string[];
  readonly etag: string;
}

const TEXT = "text/plain; charset=utf-8";

/** Sends one line of text. `headers`: further names and values in turn. */
export function sendText(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  text: string,
  headers: readonly string[] = [],
): void {
  sendBytes(request, response, status, Buffer.from(`${text}\n`), [
    ...["Content-Type", TEXT, "Cache-Control", "no-store", "X-Content-Type-Options", "nosniff"],
    ...headers,
  ]);
}

/** Sends bytes; a HEAD request gets the headers alone. */
export function sendBytes(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  bytes: Buffer,
  headers: readonly string[],
): void {
  response.writeHead(status, [...headers, "Content-Length", String(bytes.length)]);
  response.end(request.method === "HEAD" ? undefined : bytes);
}

/** A body of this JSON under an entity tag, which names this encoding and no other. */
export function encodeJson(json: string, etag: string): EncodedBody {
  const bytes = ownBytes(Buffer.from(json));
  return {
    bytes,
    etag,
    headers: [...jsonHeaders(etag), "Content-Length", String(bytes.length)],
  };
}

/** Sends a body, or 304 where the caller has it already (RFC 9110, section 13.1.2). */
export function sendEncoded(request: IncomingMessage, response: ServerResponse, body: EncodedBody): void {
  if (sendNotModified(request, response, body.etag)) return;
  response.writeHead(200, [...body.headers]);
  response.end(request.method === "HEAD" ? undefined : body.bytes);
}

/** A body that is made while it is sent. */
export interface JsonPieces {
  readonly etag: string;
  readonly pieces: Iterable<string>;
}

/** Sends JSON in pieces, each made when the caller has read the one before; 304 as in `sendEncoded`. */
export async function sendPieces(
  request: IncomingMessage,
  response: ServerResponse,
  { etag, pieces }: JsonPieces,
): Promise<void> {
  if (sendNotModified(request, response, etag)) return;
  response.writeHead(200, jsonHeaders(etag));
  for (const piece of request.method === "HEAD" ? [] : pieces) {
    if (!response.write(piece)) await drained(response);
    if (response.destroyed) return;
  }
  response.end();
}

/** Settles when more may be written, or nothing more can be. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      response.off("drain", settle).off("close", settle);
      resolve();
    };
    response.on("drain", settle).on("close", settle);
  });
}

function sendNotModified(request: IncomingMessage, response: ServerResponse, etag: string): boolean {
  const known = request.headers["if-none-match"];
  if (known === undefined || !names(known, etag)) return false;
  response.writeHead(304, ["ETag", etag, "Cache-Control", "no-cache"]);
  response.end();
  return true;
}

function jsonHeaders(etag: string): string[] {
  const safe = ["Cache-Control", "no-cache", "X-Content-Type-Options", "nosniff"];
  return ["Content-Type", "application/json", ...safe, "ETag", etag];
}

function names(known: string, etag: string): boolean {
  if (known.trim() === "*") return true;
  return known.split(",").some((each) => each.trim().replace(/^W\//, "") === etag);
}
