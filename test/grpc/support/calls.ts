import { type ClientReadableStream, type Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { loadSync, type MessageTypeDefinition } from "@grpc/proto-loader";
import type { BadRequest__Output } from "../../../src/grpc/gen/google/rpc/BadRequest.ts";
import type { ErrorInfo__Output } from "../../../src/grpc/gen/google/rpc/ErrorInfo.ts";
import type { RetryInfo__Output } from "../../../src/grpc/gen/google/rpc/RetryInfo.ts";
import type { Status__Output } from "../../../src/grpc/gen/google/rpc/Status.ts";
import { LOADER_OPTIONS } from "../../../src/grpc/server/contract.ts";

type UnaryMethod<Request, Response> = (
  request: Request,
  callback: (error: ServiceError | null, response?: Response) => void,
) => unknown;

/** Calls a unary method; rejects with the ServiceError. */
export function ask<Request, Response>(
  client: object,
  method: UnaryMethod<Request, Response>,
  request: Request,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    method.call(client, request, (error: ServiceError | null, response?: Response) => {
      if (error !== null) reject(error);
      else if (response === undefined) reject(new TypeError("neither an answer nor an error"));
      else resolve(response);
    });
  });
}

const details = loadSync(["google/rpc/status.proto", "google/rpc/error_details.proto"], LOADER_OPTIONS);

function decode<Output>(name: string, bytes: Buffer): Output {
  const definition = details[name] as MessageTypeDefinition<object, object> | undefined;
  if (definition === undefined) throw new TypeError(`no message ${name}`);
  return definition.deserialize(bytes) as Output;
}

/** What a failed call tells. */
export interface Failure {
  readonly code: string;
  readonly text: string;
  readonly reason: string;
  readonly domain: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly string[];
  readonly retrySeconds: number | null;
}

/** Decodes a failed call with its details. */
export function failureOf(error: { code: status; details: string; metadata: Metadata }): Failure {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  const found = new Map<string, Buffer>();
  if (bytes !== undefined) {
    const decoded = decode<Status__Output>("google.rpc.Status", Buffer.from(bytes));
    for (const entry of decoded.details) {
      if (!("type_url" in entry)) throw new TypeError("not an encoded detail");
      found.set(
        String(entry.type_url).replace("type.googleapis.com/google.rpc.", ""),
        Buffer.from(entry.value as Buffer),
      );
    }
  }
  const info = decode<ErrorInfo__Output>("google.rpc.ErrorInfo", found.get("ErrorInfo") ?? Buffer.alloc(0));
  const bad = decode<BadRequest__Output>("google.rpc.BadRequest", found.get("BadRequest") ?? Buffer.alloc(0));
  const retry = found.get("RetryInfo");
  const delay = retry === undefined ? null : decode<RetryInfo__Output>("google.rpc.RetryInfo", retry).retryDelay;
  return {
    code: status[error.code] ?? String(error.code),
    text: error.details,
    reason: info.reason,
    domain: info.domain,
    metadata: info.metadata,
    fields: bad.fieldViolations.map(({ field }) => field),
    retrySeconds: delay === null ? null : Number(delay.seconds),
  };
}

/** The failure of a call that has to fail. */
export async function failure(call: Promise<unknown>): Promise<Failure> {
  try {
    await call;
  } catch (error) {
    return failureOf(error as ServiceError);
  }
  throw new TypeError("the call succeeded");
}

/** What has arrived on a stream so far. */
export interface Received<Message> {
  readonly messages: Message[];
  /** The end: OK or a failure. */
  readonly ended: Promise<Failure>;
}

/** Collects the messages of a stream. */
export function receive<Message>(stream: ClientReadableStream<Message>): Received<Message> {
  const messages: Message[] = [];
  stream.on("data", (message: Message) => void messages.push(message));
  stream.on("error", () => undefined);
  const ended = new Promise<Failure>((resolve) => {
    stream.on("status", (end) => resolve(failureOf(end)));
  });
  return { messages, ended };
}
