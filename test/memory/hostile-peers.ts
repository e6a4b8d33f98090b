/** Peers that mean no good, from an address of their own. Each keeps up its number of connections, whatever the service cuts. */
import { connect, type Socket } from "node:net";
import { answerParent } from "../bench/processes/remote.ts";
import {
  callFrames,
  callHeaders,
  FRAME,
  frame,
  handmadePeer,
  headerBlock,
  type PeerChoices,
  streamId,
} from "../grpc/support/http2-frames.ts";

const FROM = "127.0.0.3";
const CALLS = 1_000;
const MIB = 1_024 * 1_024;
/** Time in ms after which a connection that was cut is there again. */
const AGAIN_MS = 50;
const MOST_SHARE = 0x7fff_ffff;

const sockets = new Set<Socket>();
let stopped = false;

function own(socket: Socket): void {
  sockets.add(socket);
  socket.on("error", () => undefined).once("close", () => sockets.delete(socket));
}

/** Keeps `count` connections open; each is opened again when it has been cut. */
function keepUp(count: number, open: () => Promise<Socket> | Socket): void {
  const once = async (): Promise<void> => {
    if (stopped) return;
    try {
      const socket = await open();
      own(socket);
      if (stopped) socket.destroy();
      socket.once("close", () => setTimeout(once, AGAIN_MS));
    } catch {
      setTimeout(once, AGAIN_MS);
    }
  };
  for (let index = 0; index < count; index += 1) void once();
}

function grpc(port: number, choices: PeerChoices, bytes: Buffer): () => Promise<Socket> {
  return async () => {
    const peer = await handmadePeer({ after: () => undefined }, port, { from: FROM, ...choices });
    if (choices.window === MOST_SHARE) peer.write(frame(FRAME.WINDOW_UPDATE, 0, 0, Buffer.from([0x7f, 0, 0, 0])));
    peer.write(bytes);
    return peer.socket;
  };
}

function http(port: number, bytes: Buffer, reads = true): () => Socket {
  return () => {
    const socket = connect({ port, host: "127.0.0.1", localAddress: FROM });
    if (reads) socket.resume();
    socket.write(bytes);
    return socket;
  };
}

function calls(method: string): Buffer {
  return Buffer.concat(Array.from({ length: CALLS }, (_, index) => callFrames(streamId(index), method)));
}

function halfCalls(count: number, bytes: number, frameSize: number): Buffer {
  const choices = { complete: false, declaredLength: bytes + 100, frameSize };
  const body = Buffer.alloc(bytes);
  return Buffer.concat(
    Array.from({ length: count }, (_, index) => callFrames(streamId(index), "ListImages", body, choices)),
  );
}

/** Headers that never end: each frame goes on where the one before left off. */
function endlessHeaders(): Buffer {
  const first = frame(FRAME.HEADERS, 0, 1, headerBlock(callHeaders("GetMenu")));
  const more = frame(FRAME.CONTINUATION, 0, 1, headerBlock({ "x-filler": "x".repeat(8_000) }));
  return Buffer.concat([first, ...Array.from({ length: 100 }, () => more)]);
}

function request(line: string, ...headers: readonly string[]): string {
  return `${[line, "Host: localhost", ...headers].join("\r\n")}\r\n\r\n`;
}

function hookPost(...headers: readonly string[]): string {
  return request("POST /hooks/registry HTTP/1.1", ...headers);
}

interface Ports {
  readonly grpc: number;
  readonly http: number;
}

const handlers = {
  neverRead({ grpc: grpcPort, http: httpPort }: Ports) {
    stopped = false;
    for (const method of ["ListImages", "WatchPrepullStatus", "GetPrepullStatus"]) {
      keepUp(10, grpc(grpcPort, { window: 0 }, calls(method)));
      keepUp(10, grpc(grpcPort, { window: MOST_SHARE, reads: false }, calls(method)));
    }
    for (const path of ["/spawner/v1/images", "/spawner/v1/prepulls", "/metrics"]) {
      keepUp(200, http(httpPort, Buffer.from(request(`GET ${path} HTTP/1.1`).repeat(16)), false));
    }
  },
  halfSent({ grpc: grpcPort, http: httpPort }: Ports) {
    stopped = false;
    keepUp(20, grpc(grpcPort, {}, halfCalls(300, 60_000, 16_384)));
    keepUp(10, grpc(grpcPort, {}, halfCalls(20, 16_000, 1)));
    keepUp(20, grpc(grpcPort, {}, endlessHeaders()));
    keepUp(50, grpc(grpcPort, { acknowledges: false }, Buffer.alloc(0)));
    keepUp(1_000, http(httpPort, Buffer.from(`GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: ${"a".repeat(7_000)}`)));
    keepUp(500, http(httpPort, Buffer.from(`${hookPost("Content-Length: 1000000")}${"x".repeat(60_000)}`)));
  },
  hookBodies({ http: httpPort }: Ports) {
    stopped = false;
    const body = Buffer.alloc(MIB, "x");
    const declared = `Content-Length: ${MIB}`;
    const wrong = `X-Hub-Signature-256: sha256=${"0".repeat(64)}`;
    const chunked = "Transfer-Encoding: chunked";
    const fronts = [hookPost(declared), hookPost(declared, wrong), hookPost(declared, "Expect: 100-continue", wrong)];
    for (const front of fronts) keepUp(400, http(httpPort, Buffer.concat([Buffer.from(front), body])));
    keepUp(300, http(httpPort, Buffer.from(hookPost(chunked, wrong) + "1\r\nx\r\n".repeat(100_000))));
  },
  stop(_: null) {
    stopped = true;
    for (const socket of sockets) socket.destroy();
  },
};

/** See the handlers. */
export type HostileHandlers = typeof handlers;

answerParent(handlers);
