import {
  type ChannelCredentials,
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  InterceptingCall,
  type Interceptor,
  loadPackageDefinition,
  Metadata,
  type requestCallback,
  status,
} from "@grpc/grpc-js";
import type { ProtoGrpcType } from "../../grpc/gen/image_service.ts";
import type { ImageServiceClient } from "../../grpc/gen/labimages/v1/ImageService.ts";
import { SERVED_DEFINITION } from "../../grpc/server/contract.ts";
import { readRegularFile } from "../../lib/bytes.ts";
import type { ClientOptions, ClientSecurity } from "../command.ts";

/** Milliseconds that a question may take. */
const CALL_TIMEOUT = 30_000;
/** Bytes; the service sends no message above 3 MiB. */
const MAX_MESSAGE_BYTES = 4 * 1_048_576;

/** Returns a client of the service at `host:port`, which the caller closes. Error: UnusableFileError, or the system's. */
export async function connect({ address, security }: ClientOptions): Promise<ImageServiceClient> {
  // The generated type describes what the loader makes of the same files; the loader itself cannot say so.
  const loaded = loadPackageDefinition(SERVED_DEFINITION) as unknown as ProtoGrpcType;
  return new loaded.labimages.v1.ImageService(`dns:${address}`, await channelCredentials(security), {
    interceptors: security.tokenFile === null ? [] : [tokenSender(security.tokenFile)],
    "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
    // The proxy of the environment is for the web; the service is near.
    "grpc.enable_http_proxy": 0,
  });
}

async function channelCredentials({ tls, ca, cert, key }: ClientSecurity): Promise<ChannelCredentials> {
  if (!tls) return credentials.createInsecure();
  const [roots, privateKey, chain] = await Promise.all(
    [ca, key, cert].map((path) => (path === null ? null : readRegularFile(path))),
  );
  return credentials.createSsl(roots, privateKey, chain);
}

/** What a bearer token may be made of, and a header may hold. */
const PRINTABLE = /^[!-~]+$/;

/** Sends the token of the file with each call; the file is read again for each, since a kubelet replaces its token. */
function tokenSender(path: string): Interceptor {
  return (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start(metadata, listener, next) {
        const refuse = (details: string) =>
          listener.onReceiveStatus({ code: status.UNAUTHENTICATED, details, metadata: new Metadata() });
        readRegularFile(path).then(
          (bytes) => {
            const token = bytes.toString("utf8").trim();
            // grpc-js would quote it in the error that it throws.
            if (!PRINTABLE.test(token)) return refuse("the file with the token holds no token");
            metadata.set("authorization", `Bearer ${token}`);
            next(metadata, listener);
          },
          () => refuse("the file with the token cannot be read"),
        );
      },
    });
}

/** When a question asked now has to be answered: `timeout` is in milliseconds. */
export function deadline(timeout = CALL_TIMEOUT): { readonly deadline: Date } {
  return { deadline: new Date(Date.now() + timeout) };
}

/** One answer; an abort of the signal cancels the call. Rejects with grpc-js's ServiceError. */
export function ask<Answer>(
  signal: AbortSignal,
  start: (callback: requestCallback<Answer>) => ClientUnaryCall,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = start((error, answer) => {
      signal.removeEventListener("abort", cancel);
      if (error !== null) reject(error);
      else if (answer === undefined) reject(new TypeError("the service answered nothing"));
      else resolve(answer);
    });
    const cancel = () => call.cancel();
    if (signal.aborted) cancel();
    else signal.addEventListener("abort", cancel, { once: true });
  });
}

/** Hands on each message of a stream until it ends; an abort of the signal ends it well. Rejects with a ServiceError. */
export function follow<Message>(
  signal: AbortSignal,
  stream: ClientReadableStream<Message>,
  take: (message: Message) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = () => stream.cancel();
    const settle = (error: Error | null) => {
      signal.removeEventListener("abort", cancel);
      if (error === null || signal.aborted) resolve();
      else reject(error);
    };
    stream.on("data", take);
    stream.on("error", settle);
    stream.on("end", () => settle(null));
    if (signal.aborted) cancel();
    else signal.addEventListener("abort", cancel, { once: true });
  });
}
