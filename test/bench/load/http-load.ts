import { connect } from "node:net";

/** GET requests for one path over connections that stay open. */
export interface HttpLoad {
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  /** Milliseconds whose answers do not count, and then those whose answers do. */
  readonly warmUp: number;
  readonly milliseconds: number;
}

const HEAD_END = Buffer.from("\r\n\r\n");

/** Requests a second. Rejects where one is answered with anything but 200. */
export async function httpRequestsPerSecond(load: HttpLoad): Promise<number> {
  const counts = await Promise.all(Array.from({ length: load.connections }, () => loadConnection(load)));
  return counts.reduce((sum, count) => sum + count, 0) / (load.milliseconds / 1_000);
}

function loadConnection({ port, path, warmUp, milliseconds }: HttpLoad): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
    const socket = connect({ host: "127.0.0.1", port, noDelay: true }, () => void socket.write(request));
    const counted = performance.now() + warmUp;
    const deadline = counted + milliseconds;
    let answered = 0;
    let head: Buffer = Buffer.alloc(0);
    let left = 0;

    function readHead(chunk: Buffer): Buffer {
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
      const end = head.indexOf(HEAD_END);
      if (end < 0) return Buffer.alloc(0);
      const text = head.toString("latin1", 0, end);
      if (!text.startsWith("HTTP/1.1 200 ")) throw new Error(`${path} was answered with ${text.split("\r\n")[0]}`);
      left = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN);
      const rest = head.subarray(end + HEAD_END.length);
      head = Buffer.alloc(0);
      return rest;
    }

    socket.on("data", (chunk: Buffer) => {
      try {
        const body = left > 0 ? chunk : readHead(chunk);
        left -= body.length;
      } catch (error) {
        socket.destroy();
        return reject(error);
      }
      if (left > 0 || head.length > 0) return;
      const now = performance.now();
      if (now >= deadline) {
        socket.destroy();
        resolve(answered);
      } else {
        if (now >= counted) answered++;
        socket.write(request);
      }
    });
    socket.on("error", reject);
  });
}
