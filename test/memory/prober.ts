/** A caller in proper use, from an address of its own: it asks ten times a second, and says how long the slowest answer took. */
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { setPriority } from "node:os";
import { answerParent } from "../bench/processes/remote.ts";
import { SERVICE_PRIORITY } from "./priority.ts";

const FROM = "127.0.0.2";
const INTERVAL_MS = 100;
const PATIENCE_MS = 10_000;

interface Ports {
  readonly grpc: number;
  readonly http: number;
}

/** The status of `/livez`, over a connection of its own. */
function askHttp({ http: port }: Ports): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", localAddress: FROM });
    socket.setTimeout(PATIENCE_MS, () => {
      socket.destroy(new Error(`HTTP: no answer${socket.connecting ? ", no connection" : ""}`));
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the connection has ended without an answer")));
    socket.once("data", (bytes) => {
      socket.destroy();
      resolve(bytes.toString("latin1").split("\r\n", 1)[0] ?? "");
    });
    socket.write("GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  });
}

/** The gRPC status of `GetMenu`, over a connection of its own. */
function askGrpc({ grpc: port }: Ports): Promise<string> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2("http://127.0.0.1", {
      createConnection: () => connect({ port, host: "127.0.0.1", localAddress: FROM }),
    });
    const timer = setTimeout(() => {
      session.destroy(new Error(`gRPC: no answer${session.connecting ? ", no connection" : ""}`));
    }, PATIENCE_MS);
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      end();
      session.destroy();
    };
    session.once("error", (error) => settle(() => reject(error)));
    const headers = { "content-type": "application/grpc", te: "trailers" };
    const stream = session.request({
      ":method": "POST",
      ":path": "/labimages.v1.ImageService/GetMenu",
      ...headers,
    });
    const onEnd = (fields: Readonly<Record<string, unknown>>) => {
      const status = fields["grpc-status"];
      if (status !== undefined) settle(() => resolve(`grpc-status ${String(status)}`));
    };
    stream.on("error", (error) => settle(() => reject(error)));
    stream.on("response", onEnd).on("trailers", onEnd).resume();
    stream.once("close", () =>
      settle(() => reject(new Error(`the call has ended without a status (${stream.rstCode})`))),
    );
    stream.end(Buffer.alloc(5));
  });
}

const EXPECTED: ReadonlySet<string> = new Set(["HTTP/1.1 200 OK", "grpc-status 0"]);

let slowestMs = 0;
let answers = 0;
let failures: string[] = [];

async function probe(ask: (ports: Ports) => Promise<string>, ports: Ports): Promise<void> {
  const since = performance.now();
  try {
    const answer = await ask(ports);
    if (!EXPECTED.has(answer)) failures.push(answer);
  } catch (error) {
    failures.push(String(error));
  }
  answers += 1;
  slowestMs = Math.max(slowestMs, performance.now() - since);
}

const handlers = {
  /** Asks until this process ends. */
  start(ports: Ports) {
    setPriority(SERVICE_PRIORITY);
    setInterval(() => {
      void probe(askHttp, ports);
      void probe(askGrpc, ports);
    }, INTERVAL_MS);
  },
  /** What has come since the last call of this. */
  take(_: null) {
    const taken = { answers, slowestMs, failures: [...new Set(failures)] };
    slowestMs = 0;
    answers = 0;
    failures = [];
    return taken;
  },
};

/** See the handlers. */
export type ProberHandlers = typeof handlers;

answerParent(handlers);
