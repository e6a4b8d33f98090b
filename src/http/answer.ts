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

/** Answers with one line of text. `headers`: further names and values in turn. */
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

/** Answers with bytes; a HEAD request gets the headers alone. */
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
    headers: [
      ...["Content-Type", "application/json", "Cache-Control", "no-cache", "X-Content-Type-Options", "nosniff"],
      ...["ETag", etag, "Content-Length", String(bytes.length)],
    ],
  };
}

/** Answers with a body, or with 304 where the caller has it already (RFC 9110, section 13.1.2). */
export function sendEncoded(request: IncomingMessage, response: ServerResponse, body: EncodedBody): void {
  const known = request.headers["if-none-match"];
  if (known !== undefined && names(known, body.etag)) {
    response.writeHead(304, ["ETag", body.etag, "Cache-Control", "no-cache"]);
    response.end();
    return;
  }
  response.writeHead(200, [...body.headers]);
  response.end(request.method === "HEAD" ? undefined : body.bytes);
}

function names(known: string, etag: string): boolean {
  if (known.trim() === "*") return true;
  return known.split(",").some((each) => each.trim().replace(/^W\//, "") === etag);
}
