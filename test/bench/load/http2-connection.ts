/**
 * As much of HTTP/2 (RFC 9113) as a client needs that sends the same gRPC call over and over. A library would cost more
 * for each call than the server does, and then the load would be measured, not the server.
 */
import { once } from "node:events";
import { connect } from "node:net";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
const FRAME_HEAD = 9;
const TYPE = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const LARGEST_WINDOW = 2 ** 31 - 1;
const FIRST_WINDOW = 65_535;
/** Bytes after which the connection's window is opened again. */
const WINDOW_STEP = 2 ** 28;

/** What the server sends. */
export interface Http2Events {
  /** Bytes of a stream's data, gRPC's five in front of each message included. */
  data(stream: number, bytes: number): void;
  /** The stream is over; well, or by a reset. */
  ended(stream: number, well: boolean): void;
  /** The connection broke, or the server ends it. */
  broken(why: string): void;
}

/** One connection. */
export interface Http2Connection {
  /** Starts a call; answers the number of its stream. It is sent with the others of this turn. */
  call(): number;
  close(): void;
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEAD);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A header field as a literal that is not indexed (RFC 7541, section 6.2.2). */
function headerField(name: string, value: string): Buffer {
  const parts = [name, value].map((text) => Buffer.from(text, "latin1"));
  return Buffer.concat([Buffer.of(0), ...parts.flatMap((part) => [Buffer.of(part.length), part])]);
}

/** The two frames of a call, for stream 0. */
function callFrames(path: string, message: Buffer): Buffer {
  const headers = Buffer.concat([
    headerField(":method", "POST"),
    headerField(":scheme", "http"),
    headerField(":path", path),
    headerField(":authority", "127.0.0.1"),
    headerField("content-type", "application/grpc"),
    headerField("te", "trailers"),
  ]);
  const body = Buffer.concat([Buffer.of(0), uint32(message.length), message]);
  return Buffer.concat([frame(TYPE.headers, END_HEADERS, 0, headers), frame(TYPE.data, END_STREAM, 0, body)]);
}

/** Connects to a port on loopback; every call is one of `path` with `message`. */
export async function connectHttp2(
  port: number,
  { path, message }: { readonly path: string; readonly message: Buffer },
  events: Http2Events,
): Promise<Http2Connection> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  const template = callFrames(path, message);
  const bodyAt = FRAME_HEAD + template.readUIntBE(0, 3);
  let lastStream = -1;
  let sending: Buffer[] = [];
  let closed = false;

  function send(bytes: Buffer): void {
    if (sending.length === 0) process.nextTick(flush);
    sending.push(bytes);
  }

  function flush(): void {
    const bytes = Buffer.concat(sending);
    sending = [];
    if (!closed) socket.write(bytes);
  }

  function broken(why: string): void {
    if (closed) return;
    closed = true;
    socket.destroy();
    events.broken(why);
  }

  const read = frameReader(events, send, broken);
  socket.on("data", read);
  socket.on("error", (error) => broken(error.message));
  socket.on("close", () => broken("the server closed the connection"));
  const initialWindow = Buffer.concat([Buffer.of(0, 4), uint32(LARGEST_WINDOW)]);
  send(PREFACE);
  send(frame(TYPE.settings, 0, 0, initialWindow));
  send(frame(TYPE.windowUpdate, 0, 0, uint32(LARGEST_WINDOW - FIRST_WINDOW)));
  return {
    call() {
      lastStream += 2;
      const bytes = Buffer.from(template);
      bytes.writeUInt32BE(lastStream, 5);
      bytes.writeUInt32BE(lastStream, bodyAt + 5);
      send(bytes);
      return lastStream;
    },
    close() {
      closed = true;
      socket.destroy();
    },
  };
}

/** Takes chunks as they come, and skips the payload of data: only its length counts. */
function frameReader(events: Http2Events, send: (bytes: Buffer) => void, broken: (why: string) => void) {
  let rest: Buffer = Buffer.alloc(0);
  let skip = 0;
  let received = 0;

  function take(type: number, flags: number, stream: number, length: number, payload: Buffer): void {
    if (type === TYPE.data) {
      received += length;
      events.data(stream, length);
    }
    const carriesEnd = type === TYPE.data || type === TYPE.headers;
    if (carriesEnd && (flags & END_STREAM) !== 0) events.ended(stream, true);
    else if (type === TYPE.reset) events.ended(stream, false);
    else if (type === TYPE.settings && (flags & ACK) === 0) send(frame(TYPE.settings, ACK, 0, Buffer.alloc(0)));
    else if (type === TYPE.ping && (flags & ACK) === 0) send(frame(TYPE.ping, ACK, 0, payload));
    else if (type === TYPE.goAway) broken("the server ends the connection");
    if (received < WINDOW_STEP) return;
    send(frame(TYPE.windowUpdate, 0, 0, uint32(received)));
    received = 0;
  }

  return (chunk: Buffer): void => {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      const skipped = Math.min(skip, bytes.length);
      skip -= skipped;
      bytes = bytes.subarray(skipped);
      if (bytes.length < FRAME_HEAD) break;
      const length = bytes.readUIntBE(0, 3);
      const type = bytes[3] ?? 0;
      const isData = type === TYPE.data;
      if (!isData && bytes.length < FRAME_HEAD + length) break;
      const payload = isData ? bytes.subarray(0, 0) : bytes.subarray(FRAME_HEAD, FRAME_HEAD + length);
      take(type, bytes[4] ?? 0, bytes.readUInt32BE(5) & LARGEST_WINDOW, length, payload);
      bytes = bytes.subarray(FRAME_HEAD);
      skip = length;
    }
    rest = bytes;
  };
}
