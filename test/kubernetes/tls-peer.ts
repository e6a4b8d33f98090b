import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { createCertificateAuthority } from "../cluster/certificates.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server with TLS, and how many connections it has taken. */
export interface TlsPeer {
  readonly port: number;
  readonly handshakes: number;
  close(): Promise<void>;
}

/** A server with a certificate of the authority; answers as the handler does. */
export async function startTls(
  authority: ReturnType<typeof createCertificateAuthority>,
  handler: Handler,
  port = 0,
): Promise<TlsPeer> {
  const { certificatePem, privateKeyPem } = authority.issueServerCertificate(["127.0.0.1", "localhost"]);
  const server: Server = createServer({ cert: certificatePem, key: privateKeyPem }, handler);
  let handshakes = 0;
  server.on("secureConnection", () => {
    handshakes += 1;
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    get handshakes() {
      return handshakes;
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Answers with an object, whatever was asked. */
export const answerOk: Handler = (_, response) => {
  response.writeHead(200, { "content-type": "application/json" }).end('{"ok":true}');
};
