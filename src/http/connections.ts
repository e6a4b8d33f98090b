import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import type { HttpLimit } from "../domain/peer-limits.ts";
import { createFairPool } from "../lib/concurrency.ts";
import { peerOf } from "../lib/net.ts";
import type { Clock } from "../ports.ts";

/** The connections of an HTTP server: counted, shared fairly and timed. */
export interface HttpConnections {
  /** Whether the request may be served; where not, its connection has been cut. */
  admit(request: IncomingMessage, response: ServerResponse): boolean;
  /** Cuts the connections that have been idle for this time, and those whose peers do not read. */
  cutStalled(patienceMs: number): void;
}

/** Bounds and collaborators. */
export interface HttpConnectionsOptions {
  readonly maxConnections: number;
  /** Time in ms that a response may take once it is there. */
  readonly responseTimeoutMs: number;
  readonly clock: Clock;
  /** A limit has cut or refused this peer. */
  readonly onLimit: (limit: HttpLimit, peer: string) => void;
}

/** Requests that may wait for their responses on one connection (pipelining, RFC 9112, section 9.3.2). */
const MAX_PIPELINED = 16;
/** Time in ms after which an idle connection is evicted for another. */
const STALL_MS = 1_000;

/** A request whose response is pending, or has not been read. */
interface OpenRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** When it came, or its response was there (`Clock.monotonicTime`). */
  since: number;
  /** Cancels the time-out of its response. */
  cancel(): void;
}

interface Connection {
  readonly socket: Socket;
  readonly open: Set<OpenRequest>;
  /** When the last request ended, or the connection began (`Clock.monotonicTime`). */
  idleSince: number;
}

/** Watches the connections of this server, before it listens. */
export function createHttpConnections(server: Server, options: HttpConnectionsOptions): HttpConnections {
  const { maxConnections, responseTimeoutMs, clock, onLimit } = options;
  const places = createFairPool(maxConnections);
  const connections = new Map<Socket, Connection>();

  function cut(socket: Socket, limit: HttpLimit): void {
    onLimit(limit, peerOfSocket(socket));
    socket.destroy();
  }

  function onConnection(socket: Socket): void {
    const connection: Connection = { socket, open: new Set(), idleSince: clock.monotonicTime() };
    const evict = () => cut(socket, "connections");
    const place = places.take(
      { owner: peerOfSocket(socket), member: socket, amount: 1 },
      { yields: () => isStalled(connection, STALL_MS), evict },
    );
    if (place === null) {
      evict();
      return;
    }
    connections.set(socket, connection);
    socket.once("close", () => {
      place.release();
      connections.delete(socket);
      for (const { cancel } of connection.open) cancel();
    });
  }

  /** Whether the connection waits for its peer alone: to send the rest of a request, or to take a response. */
  function isStalled({ open, idleSince }: Connection, forMs: number): boolean {
    const now = clock.monotonicTime();
    const waits = ({ request, response, since }: OpenRequest) =>
      (response.writableEnded || !request.complete) && now - since >= forMs;
    return now - idleSince >= forMs && [...open].every(waits);
  }

  server.on(server instanceof TlsServer ? "secureConnection" : "connection", onConnection);

  return {
    admit(request, response) {
      const { socket } = request;
      const connection = connections.get(socket);
      if (connection === undefined) {
        socket.destroy();
        return false;
      }
      if (connection.open.size >= MAX_PIPELINED) {
        cut(socket, "pipelined_requests");
        return false;
      }
      const entry: OpenRequest = { request, response, since: clock.monotonicTime(), cancel: () => undefined };
      connection.open.add(entry);
      response.once("prefinish", () => {
        entry.since = clock.monotonicTime();
        if (connections.has(socket))
          entry.cancel = clock.schedule(responseTimeoutMs, () => cut(socket, "response_time"));
      });
      response.once("close", () => {
        entry.cancel();
        connection.open.delete(entry);
        connection.idleSince = clock.monotonicTime();
      });
      return true;
    },
    cutStalled(patienceMs) {
      for (const connection of connections.values()) {
        if (isStalled(connection, patienceMs)) connection.socket.destroy();
      }
    },
  };
}

/** Whose share of the limits a connection counts for. */
export function peerOfSocket(socket: Pick<Socket, "remoteAddress">): string {
  return peerOf(socket.remoteAddress ?? "");
}
