import { type Metadata, type StatusObject, status } from "@grpc/grpc-js";
import { messageDecoder } from "./decode-message.ts";

const DETAILS = "google/rpc/error_details.proto";

interface ErrorInfo {
  readonly reason: string;
  readonly domain: string;
}

const decodeStatus = messageDecoder<{ details: { type_url: string; value: Buffer }[] }>(
  "google/rpc/status.proto",
  "google.rpc.Status",
);
const decodeBadRequest = messageDecoder<{ fieldViolations: { field: string }[] }>(DETAILS, "google.rpc.BadRequest");
const decodeRetryInfo = messageDecoder<{ retryDelay: { seconds: number } }>(DETAILS, "google.rpc.RetryInfo");
const NONE = Buffer.alloc(0);

/** Decodes a `google.rpc.ErrorInfo`; no bytes are an empty one. */
export const decodeErrorInfo: (bytes: Buffer) => ErrorInfo = messageDecoder(DETAILS, "google.rpc.ErrorInfo");

/** A call that failed, with what its status and its details tell. */
export class CallFailure extends Error {
  /** Such as `NOT_FOUND`. */
  readonly code: string;
  /** Of `google.rpc.ErrorInfo`; empty where the failure carries none. */
  readonly reason: string;
  readonly domain: string;
  /** The fields that `google.rpc.BadRequest` names. */
  readonly fields: readonly string[];
  /** Of `google.rpc.RetryInfo`, or null. */
  readonly retrySeconds: number | null;

  constructor({ code, details: text, metadata }: Pick<StatusObject, "code" | "details" | "metadata">) {
    super(text);
    this.name = "CallFailure";
    this.code = status[code] ?? String(code);
    const parts = partsOf(metadata);
    const { reason, domain } = decodeErrorInfo(parts.get("ErrorInfo") ?? NONE);
    const retry = parts.get("RetryInfo");
    this.reason = reason;
    this.domain = domain;
    this.fields = decodeBadRequest(parts.get("BadRequest") ?? NONE).fieldViolations.map(({ field }) => field);
    this.retrySeconds = retry === undefined ? null : decodeRetryInfo(retry).retryDelay.seconds;
  }
}

/** The details by the last part of their type's name. */
function partsOf(metadata: Metadata): ReadonlyMap<string, Buffer> {
  const [bytes] = metadata.get("grpc-status-details-bin");
  if (!Buffer.isBuffer(bytes)) return new Map();
  return new Map(decodeStatus(bytes).details.map(({ type_url, value }) => [type_url.replace(/^.*\./, ""), value]));
}
