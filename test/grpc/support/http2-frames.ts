import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** HTTP/2 by hand, for what no library sends: frames are written as they are (RFC 9113), header fields without compression. */
export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
};
export const END_STREAM = 1;
export const END_HEADERS = 4;
const ACK = 1;
const INITIAL_WINDOW_SIZE = 4;
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const MAX_FRAME = 16_384;

/** One frame. */
export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** The block of these fields, in which nothing refers to another (RFC 7541, section 6.2.2). */
export function headerBlock(fields: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => {
    const bytes = Buffer.from(value, "latin1");
    return Buffer.concat([integer(bytes.length), bytes]);
  };
  return Buffer.concat(Object.entries(fields).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

function integer(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

/** How a call by hand differs from one as it should be. */
export interface CallChoices {
  readonly metadata?: Readonly<Record<string, string>>;
  /** Bytes of the message as its front says; default: what is sent. */
  readonly declaredLength?: number;
  /** Whether the request ends. Default: true. */
  readonly complete?: boolean;
  /** Bytes in one DATA frame at most. */
  readonly frameSize?: number;
}

/** The frames of one call: of a method of the image service, or of any path. */
export function callFrames(
  stream: number,
  method: string,
  message = Buffer.alloc(0),
  choices: CallChoices = {},
): Buffer {
  const { metadata = {}, declaredLength = message.length, complete = true, frameSize = MAX_FRAME } = choices;
  const front = Buffer.alloc(5);
  front.writeUInt32BE(declaredLength, 1);
  const body = Buffer.concat([front, message]);
  const frames = [frame(FRAME.HEADERS, END_HEADERS, stream, headerBlock({ ...callHeaders(method), ...metadata }))];
  for (let at = 0; at < body.length; at += frameSize) {
    const isLast = complete && at + frameSize >= body.length;
    frames.push(frame(FRAME.DATA, isLast ? END_STREAM : 0, stream, body.subarray(at, at + frameSize)));
  }
  return Buffer.concat(frames);
}

export function callHeaders(method: string): Readonly<Record<string, string>> {
  return {
    ":method": "POST",
    ":scheme": "http",
    ":path": method.startsWith("/") ? method : `/labimages.v1.ImageService/${method}`,
    ":authority": "localhost",
    "content-type": "application/grpc",
    te: "trailers",
  };
}

/** What a peer is like. */
export interface PeerChoices {
  /** The address that it comes from. Default: 127.0.0.1. */
  readonly from?: string;
  /** The port that it comes from. Default: any. */
  readonly fromPort?: number | undefined;
  /** Bytes of a response that it takes before it says more. Default: HTTP/2's own. */
  readonly window?: number;
  /** Whether it acknowledges the server's settings. Default: true. */
  readonly acknowledges?: boolean;
  /** Whether it reads from its socket. Default: true. */
  readonly reads?: boolean;
}

/** One frame that came. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A connection by hand. */
export interface HandmadePeer {
  readonly socket: Socket;
  /** What has come so far, without the payload of DATA. */
  readonly frames: readonly Frame[];
  readonly closed: boolean;
  write(...bytes: readonly Buffer[]): void;
}

/** A test, or whatever else ends and has something to release then. */
interface Context {
  after(release: () => void): void;
}

/** Opens a connection that ends with the test. */
export async function handmadePeer(context: Context, port: number, choices: PeerChoices = {}): Promise<HandmadePeer> {
  const { from = "127.0.0.1", fromPort, window, acknowledges = true, reads = true } = choices;
  const socket = connect({ port, host: "127.0.0.1", localAddress: from, localPort: fromPort });
  context.after(() => socket.destroy());
  socket.on("error", () => undefined);
  const frames: Frame[] = [];
  let closed = false;
  socket.once("close", () => {
    closed = true;
  });
  if (reads)
    socket.on(
      "data",
      frameReader((one) => void frames.push(one)),
    );
  await once(socket, "connect");
  const settings = Buffer.alloc(window === undefined ? 0 : 6);
  if (window !== undefined) {
    settings.writeUInt16BE(INITIAL_WINDOW_SIZE, 0);
    settings.writeUInt32BE(window, 2);
  }
  socket.write(Buffer.concat([PREFACE, frame(FRAME.SETTINGS, 0, 0, settings)]));
  if (acknowledges) socket.write(frame(FRAME.SETTINGS, ACK, 0));
  return {
    socket,
    frames,
    get closed() {
      return closed;
    },
    write: (...bytes) => void socket.write(Buffer.concat(bytes)),
  };
}

function frameReader(onFrame: (frame: Frame) => void): (bytes: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3);
      const type = rest.readUInt8(3);
      const payload = type === FRAME.DATA ? Buffer.alloc(0) : Buffer.from(rest.subarray(9, end));
      onFrame({ type, flags: rest.readUInt8(4), stream: rest.readUInt32BE(5), payload });
      rest = rest.subarray(end);
    }
  };
}

/** The streams that the server has ended, in that order: with a status or without. */
export function endedStreams({ frames }: HandmadePeer): readonly number[] {
  const isEnd = ({ type, flags }: Frame) =>
    type === FRAME.RST_STREAM || (type === FRAME.HEADERS && (flags & END_STREAM) !== 0);
  return [...new Set(frames.filter(isEnd).map(({ stream }) => stream))];
}

/** The id of the nth call on a connection, from 0. */
export function streamId(index: number): number {
  return 2 * index + 1;
}
