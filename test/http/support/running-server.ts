import type { TestContext } from "node:test";
import { createHttpServer, type HttpServerOptions } from "../../../src/http/server.ts";
import { createLogger } from "../../../src/telemetry/logger.ts";
import { createSystemClock } from "../../../src/telemetry/system-clock.ts";
import { memorySink } from "../../telemetry/memory-sink.ts";
import { type ReadState, readerOf, SETTINGS, snapshotOf } from "../snapshots.ts";

/** What the servers of these tests have. */
export const WORLD = { tags: { w_2077_43: "sha256:1", r1_0_0: "sha256:2" }, nodes: { a: ["sha256:1"], B: [] } };

/** Starts a server on loopback that ends with the test. */
export async function startHttp(context: TestContext, options: Partial<HttpServerOptions> = {}) {
  const state: ReadState = { snapshot: snapshotOf(WORLD), sources: [], staleReason: null };
  const sink = memorySink();
  const limited: string[] = [];
  const server = createHttpServer({
    listen: { host: "127.0.0.1", port: 0 },
    allowAnonymousRead: false,
    pathPrefix: "",
    reader: readerOf(state),
    settings: SETTINGS,
    metrics: { contentType: "text/plain; version=0.0.4", render: () => Promise.resolve("a_metric 1\n") },
    logger: createLogger({ level: "debug", profile: "production", destination: sink }),
    clock: createSystemClock(),
    onLimit: (limit, peer) => void limited.push(`${limit} ${peer}`),
    ...options,
  });
  const { host, port } = await server.start();
  context.after(() => server.stop(0));
  return { server, state, sink, limited, host, port };
}
