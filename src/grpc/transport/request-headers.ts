import type { IncomingHttpHeaders } from "node:http2";

/** Milliseconds of the units of `grpc-timeout` (gRPC over HTTP/2, `Timeout`) that can overflow. */
const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000 };

/** The longest time-out, in whole seconds, whose milliseconds fit into 31 bits: nearly 25 days. */
const MAX_TIMEOUT_SECONDS = Math.floor((2 ** 31 - 1) / 1_000);

/** What metadata may hold (gRPC over HTTP/2, `ASCII-Value`); grpc-js prints whatever else comes to standard error. */
const ASCII_VALUE = /^[ -~]*$/;

/**
 * The value of `grpc-timeout`, cut to what grpc-js can keep: grpc-js 1.14.7 holds it in 32 bits of milliseconds, so that
 * 25 days and more overflow and end the call at once.
 */
export function clampTimeout(value: string): string {
  const match = /^(\d{1,8})([HMS])$/.exec(value);
  const milliseconds = Number(match?.[1]) * (UNITS[match?.[2] ?? ""] ?? Number.NaN);
  return milliseconds > MAX_TIMEOUT_SECONDS * 1_000 ? `${MAX_TIMEOUT_SECONDS}S` : value;
}

/**
 * The headers that grpc-js and the handlers read. Whatever else a caller sends is dropped before grpc-js copies it: it would
 * stay in memory as long as the call.
 */
export function keptHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const timeout = ascii(headers["grpc-timeout"]);
  return {
    ":path": headers[":path"],
    ":authority": headers[":authority"],
    host: headers.host,
    "content-type": ascii(headers["content-type"]),
    "grpc-encoding": ascii(headers["grpc-encoding"]),
    authorization: ascii(headers.authorization),
    traceparent: ascii(headers["traceparent"]),
    "grpc-timeout": timeout === undefined ? undefined : clampTimeout(timeout),
  };
}

function ascii(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" && ASCII_VALUE.test(value) ? value : undefined;
}
