import { createServer, type Socket } from "node:net";
import { createFairPool } from "../../lib/concurrency.ts";
import { formatHostPort, type ListenAddress, peerOf } from "../../lib/net.ts";

/** The address may not be listened on, or cannot be; the message is written for the operator. */
export class ListenError extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
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
 * closed. `serve` returns whether its connection is idle.
 */
export function createConnections(limit: number, serve: (socket: Socket) => () => boolean): Connections {
  const sockets = new Set<Socket>();
  const places = createFairPool(limit);
  const server = createServer({ noDelay: true }, (socket) => {
    const owner = peerOf(socket.remoteAddress ?? "");
    let isIdle = () => false;
    const holder = { yields: () => isIdle(), evict: () => void socket.destroy() };
    const place = places.take({ owner, member: socket, amount: 1 }, holder);
    if (place === null) return void socket.destroy();
    sockets.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
      place.release();
    });
    isIdle = serve(socket);
  });

  return {
    listen(address) {
      return new Promise((resolve, reject) => {
        server.on("error", (cause: NodeJS.ErrnoException) => {
          reject(new ListenError(`cannot listen on ${formatHostPort(address)}: ${cause.code ?? "unknown reason"}`));
        });
        server.listen({ host: address.host, port: address.port }, () => {
          const bound = server.address();
          resolve(typeof bound === "object" && bound !== null ? bound.port : address.port);
        });
      });
    },
    close() {
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
