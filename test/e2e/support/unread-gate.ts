import { once } from "node:events";
import { connect } from "node:http2";
import { messageDecoder } from "../../support/decode-message.ts";
import { eventually } from "../../support/eventually.ts";
import type { WaitForRefresh } from "../../support/grpc-messages.ts";

/** A gate whose holder lets the messages lie. */
export interface UnreadGate extends AsyncDisposable {
  /** Takes messages until one is as wanted; answers all of them. */
  readUntil(isWanted: (message: WaitForRefresh) => boolean): Promise<readonly WaitForRefresh[]>;
}

const WINDOW = 65_535;

const decode = messageDecoder<WaitForRefresh>(
  "labimages/v1/image_service.proto",
  "labimages.v1.WaitForRefreshResponse",
);

/**
 * Attaches to the default gate over a bare HTTP/2 connection that grants the server no room to send into, as the
 * receive buffer of a process that hangs does: grpc-js itself reads ahead, whatever its user does.
 */
export async function openUnreadGate(address: string): Promise<UnreadGate> {
  const session = connect(`http://${address}`, { settings: { initialWindowSize: 0 } });
  const stream = session.request({
    ":method": "POST",
    ":path": "/labimages.v1.ImageService/WaitForRefresh",
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => undefined);
  const emptyMessage = Buffer.alloc(5);
  stream.end(emptyMessage);
  await once(stream, "response");
  const messages: WaitForRefresh[] = [];
  let rest = Buffer.alloc(0);
  return {
    async readUntil(isWanted) {
      stream.on("data", (bytes: Buffer) => {
        rest = Buffer.concat([rest, bytes]);
        while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
          const end = 5 + rest.readUInt32BE(1);
          messages.push(decode(rest.subarray(5, end)));
          rest = rest.subarray(end);
        }
      });
      session.settings({ initialWindowSize: WINDOW });
      await eventually(() => {
        if (!messages.some(isWanted)) throw new Error(`only ${messages.length} messages have come, and not the one`);
      });
      return messages;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(session, "close");
      session.destroy();
      await closed;
    },
  };
}
