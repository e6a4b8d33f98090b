import { type ClientHttp2Session, type ClientHttp2Stream, connect, type SecureClientSessionOptions } from "node:http2";
import type { TestContext } from "node:test";

/** A bare HTTP/2 connection, for what no gRPC library does; it ends with the test. */
export function rawConnection(
  context: TestContext,
  address: string,
  options: SecureClientSessionOptions = {},
): ClientHttp2Session {
  const session = connect(`http://${address}`, options);
  session.on("error", () => undefined);
  context.after(() => session.destroy());
  return session;
}

/** Opens a gRPC call without sending anything but its headers. */
export function openCall(
  session: ClientHttp2Session,
  path: string,
  headers: Record<string, string> = {},
): ClientHttp2Stream {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  stream.on("error", () => undefined);
  return stream;
}

/** A message with its five bytes in front. */
export function framed(message: Buffer): Buffer {
  const front = Buffer.alloc(5);
  front.writeUInt32BE(message.length, 1);
  return Buffer.concat([front, message]);
}

/** The end of a call: its status and text, from headers or trailers; what was sent before is dropped. */
export function callStatus(stream: ClientHttp2Stream): Promise<{ readonly code: string; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const look = (headers: Record<string, unknown>) => {
      if (headers["grpc-status"] === undefined) return;
      const text = decodeURIComponent(String(headers["grpc-message"] ?? ""));
      resolve({ code: String(headers["grpc-status"]), text });
    };
    stream.on("response", look);
    stream.on("trailers", look);
    stream.on("close", () => reject(new Error("the call ended without status")));
    stream.resume();
  });
}
