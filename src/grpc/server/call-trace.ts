import type { Metadata } from "@grpc/grpc-js";
import type { LogFields } from "../../ports.ts";

/** W3C Trace Context, section 3.2: version, trace, span of the caller, flags. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-[\da-f]{2}(?:-|$)/;

/** Fields for the log lines of a call with this metadata: trace and span of the caller, where it sends them. */
export function traceOf(metadata: Metadata): LogFields {
  const [traceparent] = metadata.get("traceparent");
  const [, traceId, spanId] = TRACEPARENT.exec(String(traceparent ?? "")) ?? [];
  return traceId === undefined ? {} : { traceId, spanId };
}
