import { createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { type ServerTls, secureServer, tlsOptions } from "../../access/tls-server.ts";
import { createFairPool } from "../../lib/concurrency.ts";
import { formatHostPort, LISTEN_BACKLOG, type ListenAddress, peerOf } from "../../lib/net.ts";
import type { Clock, Logger } from "../../ports.ts";

/** The address may not be listened on, or cannot be; the message is written for the operator. */
export class ListenError extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** Configuration and collaborators of the connections. */
interface ConnectionsOptions {
  readonly limit: number;
  /** Without it: plaintext. */
  readonly tls?: ServerTls | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  /** A connection of this peer was evicted, or closed at once. */
  readonly onLimit: (peer: string) => void;
}

/** The listening socket of a server and its connections. */
export interface Connections {
  /** Listens; returns the port. Error: ListenError. */
  listen(address: ListenAddress): Promise<number>;
  /** Accepts no further connection; established ones continue. Settles when the last of them has ended. */
  close(): Promise<void>;
  /** Cuts all connections. */
  destroy(): void;
}

/**
 * Our own listener in front of grpc-js, which can neither limit connections nor cut them. At most `limit` exist at a time.
 * At the limit an idle connection, or one of a peer that holds more than the new one's, is evicted; else the new one is
 * closed. `serve` returns a function that returns whether its connection is idle. With TLS a connection counts from the end of
 * its handshake.
 */
export function createConnections(
  { limit, tls, logger, clock, onLimit }: ConnectionsOptions,
  serve: (socket: Socket) => () => boolean,
): Connections {
  const sockets = new Set<Socket>();
  const places = createFairPool(limit);
  const tlsServer = tls === undefined ? null : createTlsServer({ noDelay: true, ...tlsOptions("h2", tls) });
  const cutHandshakes =
    tls === undefined || tlsServer === null ? null : secureServer(tlsServer, tls, { logger, clock });
  const server = tlsServer ?? createServer({ noDelay: true }, admit);
  tlsServer?.on("secureConnection", (socket) => {
    // A client without HTTP/2 cannot speak gRPC, and Node's server would wait for it.
    if (socket.alpnProtocol === "h2" && !socket.destroyed) admit(socket);
    else socket.destroy();
  });

  function admit(socket: Socket): void {
    const owner = peerOf(socket.remoteAddress ?? "");
    let isIdle = () => false;
    const evict = (): void => {
      onLimit(owner);
      socket.destroy();
    };
    const place = places.take({ owner, member: socket, amount: 1 }, { yields: () => isIdle(), evict });
    if (place === null) {
      evict();
      return;
    }
    sockets.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      place.release();
    });
    // A peer may reset its connection before, or while, the HTTP/2 session ends.
    socket.on("error", () => undefined);
    isIdle = serve(socket);
  }

  return {
    listen(address) {
      return new Promise((resolve, reject) => {
        server.on("error", (cause: NodeJS.ErrnoException) => {
          reject(new ListenError(`cannot listen on ${formatHostPort(address)}: ${cause.code ?? "unknown reason"}`));
        });
        server.listen({ host: address.host, port: address.port, backlog: LISTEN_BACKLOG }, () => {
          const bound = server.address();
          resolve(typeof bound === "object" && bound !== null ? bound.port : address.port);
        });
      });
    },
    close() {
      cutHandshakes?.();
      return new Promise((resolve) => {
        // The only error is that the server does not listen, and so has no connections.
        server.close(() => resolve());
      });
    },
    destroy() {
      for (const socket of sockets) socket.destroy();
    },
  };
}
