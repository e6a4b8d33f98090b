/** What the service is compared with: servers that do nothing but send bytes that were made beforehand. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { answerParent } from "./remote.ts";

const pass = (bytes: Buffer): Buffer => bytes;

const handlers = {
  /** grpc-js with one method that answers any message with these bytes; answers its port. */
  async grpc({ path, answer }: { readonly path: string; readonly answer: Uint8Array }): Promise<number> {
    const server = new Server();
    const bytes = Buffer.from(answer);
    const serialization = {
      requestSerialize: pass,
      requestDeserialize: pass,
      responseSerialize: pass,
      responseDeserialize: pass,
    };
    server.addService(
      { method: { path, requestStream: false, responseStream: false, ...serialization } },
      { method: (_: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => callback(null, bytes) },
    );
    return await new Promise((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    });
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
