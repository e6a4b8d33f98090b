/** What the service is compared with: servers that do nothing but send bytes that were made beforehand. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { memoryInUse } from "./memory-in-use.ts";
import { answerParent } from "./remote.ts";

const pass = (bytes: Buffer): Buffer => bytes;

const SERIALIZATION = {
  requestSerialize: pass,
  requestDeserialize: pass,
  responseSerialize: pass,
  responseDeserialize: pass,
};

/** A method of a peer, and what it sends. */
interface PeerMethod {
  readonly path: string;
  readonly answer: Uint8Array;
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

const handlers = {
  /** grpc-js with one method that answers any message with these bytes; answers its port. */
  grpc({ path, answer }: PeerMethod): Promise<number> {
    const server = new Server();
    const bytes = Buffer.from(answer);
    server.addService(
      { method: { path, requestStream: false, responseStream: false, ...SERIALIZATION } },
      { method: (_: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => callback(null, bytes) },
    );
    return listen(server);
  },
  /** grpc-js with one method that sends these bytes once and keeps the stream open; answers its port. */
  grpcStream({ path, answer }: PeerMethod): Promise<number> {
    const server = new Server();
    const bytes = Buffer.from(answer);
    server.addService(
      { method: { path, requestStream: false, responseStream: true, ...SERIALIZATION } },
      { method: (call: ServerWritableStream<Buffer, Buffer>) => void call.write(bytes) },
    );
    return listen(server);
  },
  memory: (_: null) => memoryInUse(),
  /** Milliseconds of processor time so far, of all threads. */
  cpuTime(_: null): number {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  },
  /** node:http that answers any request with these bytes; answers its port. */
  async http(answer: Uint8Array): Promise<number> {
    const bytes = Buffer.from(answer);
    const headers = { "Content-Type": "application/json", "Content-Length": bytes.length };
    const server = createServer((_, response) => {
      response.writeHead(200, headers);
      response.end(bytes);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  },
};

/** See the handlers. */
export type PeerHandlers = typeof handlers;

answerParent(handlers);
