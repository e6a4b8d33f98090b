/** The callers, in a process of their own. */
import { type GrpcLoad, grpcCallsPerSecond } from "../load/grpc-load.ts";
import { type HttpLoad, httpRequestsPerSecond } from "../load/http-load.ts";
import { type OpenStreams, openStreams, type StreamLoad } from "../load/stream-load.ts";
import { answerParent } from "./remote.ts";

let streams: OpenStreams | null = null;
let ended: string | null = null;

const handlers = {
  grpc: (load: GrpcLoad) => grpcCallsPerSecond(load),
  http: (load: HttpLoad) => httpRequestsPerSecond(load),
  /** Opens streams; answers when each has had its first data. */
  async openStreams(load: StreamLoad) {
    streams = await openStreams(load, (why) => {
      ended = why;
    });
    await streams.heard();
  },
  /** What is sent from now on is new. */
  mark: (_: null) => streams?.mark(),
  /** When (milliseconds since the epoch, with a fraction) the last stream heard something new. */
  async heard(_: null): Promise<number> {
    const time = (await streams?.heard()) ?? Number.NaN;
    if (ended !== null) throw new Error(ended);
    return time;
  },
  closeStreams(_: null) {
    streams?.close();
    streams = null;
    ended = null;
  },
};

/** See the handlers. */
export type LoadHandlers = typeof handlers;

answerParent(handlers);
