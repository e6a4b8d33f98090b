import { EventEmitter } from "node:events";
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { type Server, ServerCredentials } from "@grpc/grpc-js";

/** Options of Node's HTTP/2 server that grpc-js does not pass on. */
export interface Http2Options {
  /** Resets of streams by a peer at once, and a second, after which its connection is cut. */
  readonly streamResetBurst: number;
  readonly streamResetRate: number;
}

/** What happens on the HTTP/2 server. */
export interface Http2Events {
  session(session: ServerHttp2Session): void;
  /** `serve` lets grpc-js serve the stream, with these headers. */
  stream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, serve: (headers: IncomingHttpHeaders) => void): void;
}

/**
 * Stands between Node's HTTP/2 server and grpc-js 1.14.7, which hides the one that it makes: its options, its sessions, and
 * its streams before their headers are read. Returns what serves a connection. Error: TypeError where grpc-js is built in
 * another way.
 */
export function interceptHttp2(server: Server, options: Http2Options, events: Http2Events): (socket: Socket) => void {
  const common: unknown = Reflect.get(server, "commonServerOptions");
  if (typeof common !== "object" || common === null) throw changed("options");
  Object.assign(common, options);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const servers: unknown = Reflect.get(server, "http2Servers");
  const [http2]: unknown[] = servers instanceof Map ? [...servers.keys()] : [];
  if (!isHttp2Server(http2)) throw changed("server");
  const [serve, ...others] = http2.listeners("stream");
  if (serve === undefined || others.length > 0) throw changed("streams");
  http2.removeAllListeners("stream");
  http2.on("stream", (stream, headers, flags) => {
    events.stream(stream, headers, (kept) => void Reflect.apply(serve, http2, [stream, kept, flags]));
  });
  http2.on("session", (session) => events.session(session));
  return (socket) => injector.injectConnection(socket);
}

function isHttp2Server(value: unknown): value is Http2Server {
  return value instanceof EventEmitter && "updateSettings" in value;
}

function changed(what: string): TypeError {
  return new TypeError(`grpc-js keeps the ${what} of its HTTP/2 server elsewhere than version 1.14.7`);
}
