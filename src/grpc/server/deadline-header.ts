/**
 * grpc-js 1.14.7 keeps a call's time-out in 32 bits of milliseconds: 25 days and more overflow and end the call at once.
 * Node tells of each new stream before grpc-js reads its headers, so that such a time-out can be cut to what fits.
 */
import { subscribe, unsubscribe } from "node:diagnostics_channel";

const CHANNEL = "http2.server.stream.created";
const HEADER = "grpc-timeout";

/** Milliseconds of the units of the header (gRPC over HTTP/2, `Timeout`) that can overflow. */
const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000 };

/** The longest time-out, in whole seconds, whose milliseconds fit into 31 bits: nearly 25 days. */
const LONGEST_SECONDS = Math.floor((2 ** 31 - 1) / 1_000);

/** The header's value with its time cut to what grpc-js can keep. */
export function clampTimeout(value: string): string {
  const match = /^(\d{1,8})([HMS])$/.exec(value);
  const milliseconds = Number(match?.[1]) * (UNITS[match?.[2] ?? ""] ?? Number.NaN);
  return milliseconds > LONGEST_SECONDS * 1_000 ? `${LONGEST_SECONDS}S` : value;
}

function headersOf(message: unknown): Record<string, unknown> | null {
  if (typeof message !== "object" || message === null || !("headers" in message)) return null;
  const { headers } = message;
  return typeof headers === "object" ? (headers as Record<string, unknown> | null) : null;
}

function onStream(message: unknown): void {
  const headers = headersOf(message);
  const value = headers?.[HEADER];
  if (headers !== null && typeof value === "string") headers[HEADER] = clampTimeout(value);
}

/** Cuts the time-outs of all gRPC calls in this process from now on; answers what ends that. */
export function clampDeadlines(): () => void {
  subscribe(CHANNEL, onStream);
  return () => void unsubscribe(CHANNEL, onStream);
}
