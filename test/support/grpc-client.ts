import {
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type MethodDefinition,
  type StatusObject,
} from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { contractOptions } from "./decode-message.ts";
import { CallFailure } from "./error-details.ts";
import type { ImageServiceMethods, WaitForRefresh, WaitForRefreshRequest } from "./grpc-messages.ts";

/*
 * A client of the service as somebody else would write it: grpc-js and the .proto files, nothing of src/grpc. What it
 * reads is what the wire carries, so a mistake that server and client would share does not go unseen.
 */

const SERVICE = "labimages.v1.ImageService";
const HEALTH = "grpc.health.v1.Health";

const served = loadSync(["labimages/v1/image_service.proto", "grpc/health/v1/health.proto"], contractOptions);

/** A stream of messages as it arrives. */
export interface MessageStream<Message> {
  /** Settles when the response headers are there; rejects with the stream's failure where it was refused. */
  readonly opened: Promise<void>;
  /** The next message that was not taken yet; rejects with the failure that ends the stream, or after ten seconds. */
  next(): Promise<Message>;
  /** Messages that have arrived and were not taken. */
  readonly waiting: number;
  /** How the stream ended. */
  readonly ended: Promise<CallFailure>;
  cancel(): void;
}

/** A connection to one server. */
export interface ImageServiceClient {
  /** Calls a method; rejects with a CallFailure. The deadline is ten seconds unless told. */
  call<Method extends keyof ImageServiceMethods>(
    method: Method,
    request: ImageServiceMethods[Method]["request"],
    deadlineMs?: number,
  ): Promise<ImageServiceMethods[Method]["response"]>;
  waitForRefresh(request?: WaitForRefreshRequest): MessageStream<WaitForRefresh>;
  /** Of the whole server, or of one service. */
  health(service?: string): Promise<string>;
  close(): void;
}

/** How long a message may take, milliseconds. */
const PATIENCE_MS = 10_000;

/** Connects to `host:port` without TLS. */
export function connectClient(address: string): ImageServiceClient {
  const client = new Client(address, credentials.createInsecure());
  return {
    call: (method, request, deadlineMs) => unary(client, methodOf(served, SERVICE, method), request, deadlineMs),
    waitForRefresh: (request = {}) => receive(client, methodOf(served, SERVICE, "WaitForRefresh"), request),
    async health(service = "") {
      const answer = await unary<{ status: string }>(client, methodOf(served, HEALTH, "Check"), { service });
      return answer.status;
    },
    close: () => client.close(),
  };
}

type Method = MethodDefinition<object, object>;

function isMethod(value: unknown): value is Method {
  return typeof value === "object" && value !== null && "requestSerialize" in value && "responseDeserialize" in value;
}

function methodOf(definition: PackageDefinition, service: string, name: string): Method {
  const method = Object.entries(definition[service] ?? {}).find(([key]) => key === name)?.[1];
  if (!isMethod(method)) throw new TypeError(`the contract has no method ${service}/${name}`);
  return method;
}

function unary<Answer>(client: Client, method: Method, request: object, deadlineMs = 10_000): Promise<Answer> {
  const { path, requestSerialize, responseDeserialize } = method;
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + deadlineMs };
    client.makeUnaryRequest(
      path,
      requestSerialize,
      (bytes) => responseDeserialize(bytes) as Answer,
      request,
      new Metadata(),
      options,
      (error, answer) => {
        if (error !== null) reject(new CallFailure(error));
        else if (answer === undefined) reject(new TypeError("neither an answer nor an error"));
        else resolve(answer);
      },
    );
  });
}

function receive<Message>(client: Client, method: Method, request: object): MessageStream<Message> {
  const { path, requestSerialize, responseDeserialize } = method;
  const deserialize = (bytes: Buffer) => responseDeserialize(bytes) as Message;
  const call = client.makeServerStreamRequest(path, requestSerialize, deserialize, request);
  const waiting: Message[] = [];
  const takers: { take(message: Message): void; fail(error: CallFailure): void }[] = [];
  call.on("data", (message: Message) => {
    const taker = takers.shift();
    if (taker === undefined) waiting.push(message);
    else taker.take(message);
  });
  const ended = endOf(call);
  const opened = Promise.race([
    new Promise<void>((resolve) => void call.once("metadata", () => resolve())),
    ended.then((failure) => Promise.reject(failure)),
  ]);
  opened.catch(() => undefined);
  void ended.then((failure) => {
    for (const taker of takers.splice(0)) taker.fail(failure);
  });
  return {
    opened,
    next() {
      const message = waiting.shift();
      if (message !== undefined) return Promise.resolve(message);
      const taken = new Promise<Message>((take, fail) => void takers.push({ take, fail }));
      return Promise.race([taken, ended.then((failure) => Promise.reject(failure)), lateness()]);
    },
    get waiting() {
      return waiting.length;
    },
    ended,
    cancel: () => call.cancel(),
  };
}

function endOf(call: ClientReadableStream<unknown>): Promise<CallFailure> {
  // The status tells the same and comes in every case.
  call.on("error", () => undefined);
  return new Promise((resolve) => void call.once("status", (end: StatusObject) => resolve(new CallFailure(end))));
}

function lateness(): Promise<never> {
  return new Promise((_, reject) => {
    const error = new Error(`no message has come within ${PATIENCE_MS} ms`);
    setTimeout(() => reject(error), PATIENCE_MS).unref();
  });
}
