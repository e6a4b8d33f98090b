import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";

/** HTTP/1.1 by hand, for what no client sends. */
export interface RawConnection {
  readonly socket: Socket;
  /** Everything that has come. */
  text(): string;
  /** The status codes that have come, in order. */
  statuses(): readonly number[];
  readonly closed: boolean;
}

/** How a connection by hand is made. */
export interface RawChoices {
  /** The address that it comes from. Default: 127.0.0.1. */
  readonly from?: string;
  /** Whether it reads. Default: true. */
  readonly reads?: boolean;
}

/** Opens a connection that ends with the test. */
export async function rawHttp(context: TestContext, port: number, choices: RawChoices = {}): Promise<RawConnection> {
  const { from = "127.0.0.1", reads = true } = choices;
  const socket = connect({ port, host: "127.0.0.1", localAddress: from });
  context.after(() => socket.destroy());
  socket.on("error", () => undefined);
  const chunks: Buffer[] = [];
  let closed = false;
  socket.once("close", () => {
    closed = true;
  });
  if (reads) socket.on("data", (chunk: Buffer) => void chunks.push(chunk));
  await once(socket, "connect");
  const text = () => Buffer.concat(chunks).toString("latin1");
  return {
    socket,
    text,
    statuses: () => [...text().matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status)),
    get closed() {
      return closed;
    },
  };
}

/** The status and the text of the answer to these lines. The server ends the connection, or is asked to. */
export async function exchange(context: TestContext, port: number, lines: readonly string[]): Promise<RawConnection> {
  const connection = await rawHttp(context, port);
  const ended = once(connection.socket, "close");
  connection.socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  await ended;
  return connection;
}
