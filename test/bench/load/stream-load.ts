import { connectHttp2, type Http2Connection } from "./http2-connection.ts";

/** Many streams of one method, held open. */
export interface StreamLoad {
  readonly port: number;
  readonly path: string;
  readonly message: Uint8Array;
  readonly connections: number;
  readonly streams: number;
}

/** Streams that are open. */
export interface OpenStreams {
  /** Settles with the time (`Date.now`, with a fraction) when every stream has had data since the last `mark`. */
  heard(): Promise<number>;
  /** From now on, data are new. */
  mark(): void;
  close(): void;
}

/** Opens the streams, and calls `ended` where one ends. */
export async function openStreams(load: StreamLoad, ended: (why: string) => void): Promise<OpenStreams> {
  const silent = new Set<string>();
  const all: string[] = [];
  let tell: (() => void) | null = null;
  const connections: Http2Connection[] = [];
  for (let number = 0; number < load.connections; number++) {
    const events = {
      data(stream: number) {
        silent.delete(`${number}/${stream}`);
        if (silent.size === 0) tell?.();
      },
      ended: () => ended("the server ended a stream"),
      broken: ended,
    };
    connections.push(await connectHttp2(load.port, { path: load.path, message: Buffer.from(load.message) }, events));
  }
  for (let stream = 0; stream < load.streams; stream++) {
    const number = stream % load.connections;
    const key = `${number}/${connections[number]?.call()}`;
    all.push(key);
    silent.add(key);
  }
  return {
    heard: () =>
      new Promise((resolve) => {
        tell = () => resolve(performance.timeOrigin + performance.now());
        if (silent.size === 0) tell();
      }),
    mark() {
      for (const key of all) silent.add(key);
    },
    close() {
      for (const connection of connections) connection.close();
    },
  };
}
