import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import type { createCertificateAuthority } from "../cluster/certificates.ts";

type Authority = ReturnType<typeof createCertificateAuthority>;
type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server with TLS, and how many connections it has taken. */
export interface TlsPeer {
  readonly port: number;
  readonly handshakes: number;
  /** Presents a certificate of another authority from the next handshake on; connections that are open stay. */
  present(authority: Authority): void;
  /** How many connections are open. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

/** A server with a certificate of the authority; answers as the handler does. */
export async function startTls(authority: Authority, handler: Handler, port = 0): Promise<TlsPeer> {
  const server: Server = createServer(certificateOf(authority), handler);
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
    present: (other) => server.setSecureContext(certificateOf(other)),
    connections: () => promisify(server.getConnections.bind(server))(),
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function certificateOf(authority: Authority): { cert: string; key: string } {
  const { certificatePem, privateKeyPem } = authority.issueServerCertificate(["127.0.0.1", "localhost"]);
  return { cert: certificatePem, key: privateKeyPem };
}

/** Answers with an object, whatever was asked. */
export const answerOk: Handler = (_, response) => {
  response.writeHead(200, { "content-type": "application/json" }).end('{"ok":true}');
};
