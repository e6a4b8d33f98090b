import { connectHttp2, type Http2Connection } from "./http2-connection.ts";

/** Calls of one method, as fast as the server answers them. */
export interface GrpcLoad {
  readonly port: number;
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly message: Uint8Array;
  readonly connections: number;
  /** Calls under way at a time on each connection. */
  readonly streams: number;
  /** Milliseconds whose answers do not count, and then those whose answers do. */
  readonly warmUp: number;
  readonly milliseconds: number;
  /** Bytes of the answer's message: any other answer is a failure. */
  readonly answerBytes: number;
}

/** Bytes in front of each message of gRPC. */
const MESSAGE_HEAD = 5;

/** Calls a second. Rejects where a call fails or is answered with something else. */
export async function grpcCallsPerSecond(load: GrpcLoad): Promise<number> {
  const counts = await Promise.all(Array.from({ length: load.connections }, () => loadConnection(load)));
  return counts.reduce((sum, count) => sum + count, 0) / (load.milliseconds / 1_000);
}

/** Calls that one connection has had answered in the time. */
function loadConnection(load: GrpcLoad): Promise<number> {
  return new Promise((resolve, reject) => {
    const bytes = new Map<number, number>();
    let answered = 0;
    let connection: Http2Connection | null = null;
    const counted = performance.now() + load.warmUp;
    const deadline = counted + load.milliseconds;

    function end(error: Error | null): void {
      connection?.close();
      connection = null;
      if (error === null) resolve(answered);
      else reject(error);
    }

    const events = {
      data: (stream: number, length: number) => void bytes.set(stream, (bytes.get(stream) ?? 0) + length),
      ended(stream: number, well: boolean) {
        const right = well && bytes.get(stream) === load.answerBytes + MESSAGE_HEAD;
        bytes.delete(stream);
        if (connection === null) return;
        if (!right) return end(new Error(`${load.path} was not answered as expected`));
        const now = performance.now();
        if (now >= deadline) return end(null);
        if (now >= counted) answered++;
        connection.call();
      },
      broken: (why: string) => end(new Error(why)),
    };
    connectHttp2(load.port, { path: load.path, message: Buffer.from(load.message) }, events).then((opened) => {
      connection = opened;
      for (let stream = 0; stream < load.streams; stream++) opened.call();
    }, reject);
  });
}
