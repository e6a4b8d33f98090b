import type { Dispatcher } from "undici";
import { unexpectedResponse } from "./api-errors.ts";

/** An answer of the API server whose body has not been read yet. */
export type Answer = Dispatcher.ResponseData;

/**
 * Milliseconds of `Retry-After` on 429 and 5xx, as client-go heeds it, else null. The API server sends seconds, also with
 * a 504 for a version that it does not know yet (RFC 9110 section 10.2.3).
 */
export function retryAfterMs({ statusCode, headers }: Answer): number | null {
  const value = headers["retry-after"];
  if ((statusCode !== 429 && statusCode < 500) || typeof value !== "string" || !/^\d{1,6}$/.test(value)) return null;
  return Number(value) * 1_000;
}

/** Throws, and lets go of the body, where the answer is not JSON: such as a proxy's HTML page. */
export function requireJson(what: string, answer: Answer): void {
  const type = String(answer.headers["content-type"] ?? "no media type").split(";")[0] ?? "";
  if (type === "application/json") return;
  answer.body.on("error", () => undefined).destroy();
  throw unexpectedResponse(
    what,
    `expected application/json, found ${/^[\w.+/ -]{1,60}$/.test(type) ? type : "something else"}`,
  );
}

/** The body as JSON; throws where it is none, or too large. */
export async function readJson(what: string, answer: Answer, maxBytes: number): Promise<unknown> {
  requireJson(what, answer);
  const text = await readText(what, answer, maxBytes);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw unexpectedResponse(what, "invalid JSON");
  }
}

/** The body's beginning as text; the rest of a longer one is let go. */
export async function readBeginning(answer: Answer, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxBytes) break;
  }
  return Buffer.concat(chunks).toString("utf8", 0, maxBytes);
}

async function readText(what: string, answer: Answer, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw unexpectedResponse(what, `more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
