import assert from "node:assert/strict";
import { stringify } from "yaml";
import { startApp } from "../../../src/app/app.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { servedConfig } from "../../../src/config/served-config.ts";
import type { Clock } from "../../../src/ports.ts";
import { createLogger } from "../../../src/telemetry/logger.ts";
import { createSystemClock } from "../../../src/telemetry/system-clock.ts";
import { eventually } from "../../support/eventually.ts";
import { connectClient, type ImageServiceClient, type MessageStream } from "../../support/grpc-client.ts";
import type { Image, WaitForRefresh, WaitForRefreshRequest } from "../../support/grpc-messages.ts";
import type { LogLine } from "../../support/service-process.ts";
import type { ConfigContent } from "./peers.ts";

/** The service in this process, as `startApp` makes it, and a client of it. */
export interface Service extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly grpc: string;
  readonly http: string;
  readonly client: ImageServiceClient;
  /** Every line so far. */
  readonly log: readonly LogLine[];
  /** Whether the service has told that it cannot go on. */
  readonly broken: boolean;
  /** Stops as a SIGTERM does. */
  stop(graceMs: number): Promise<void>;
}

/** What of the process is replaced. */
export interface ServiceOptions {
  readonly clock?: Clock;
  /** How many lines the log says that it has lost. */
  readonly droppedLines?: () => number;
}

/** Starts the service with this configuration, ports chosen by the system. */
export async function startService(
  config: ConfigContent,
  { clock, droppedLines = () => 0 }: ServiceOptions = {},
): Promise<Service> {
  const log: LogLine[] = [];
  // With a key twice, which reading a line as JSON hides.
  const repeating: string[] = [];
  const destination = {
    write(line: string) {
      const parsed: LogLine = JSON.parse(line);
      log.push(parsed);
      if (JSON.stringify(parsed) !== line.trimEnd()) repeating.push(line);
    },
    dropped: droppedLines,
    flush: () => Promise.resolve(),
  };
  const listen = { grpc: { listen: "127.0.0.1:0" }, http: { listen: "127.0.0.1:0" } };
  const state = { broken: false };
  const app = await startApp({
    config: servedConfig(parseConfig(stringify({ ...listen, ...config }))),
    logger: createLogger({ level: "debug", profile: "production", destination }),
    clock: clock ?? createSystemClock(),
    random: Math.random,
    onBroken: () => {
      state.broken = true;
    },
  });
  const grpc = `127.0.0.1:${app.grpcPort}`;
  const client = connectClient(grpc);
  return {
    grpc,
    http: `127.0.0.1:${app.httpPort}`,
    client,
    log,
    get broken() {
      return state.broken;
    },
    stop: (graceMs) => app.stop(graceMs),
    async [Symbol.asyncDispose]() {
      client.close();
      await app.stop(0);
      assert.deepEqual(repeating, []);
    },
  };
}

/** Starts the service and waits for its first snapshot. */
export async function startReadyService(config: ConfigContent, options: ServiceOptions = {}): Promise<Service> {
  const service = await startService(config, options);
  try {
    await untilServing(service);
    return service;
  } catch (error) {
    await service[Symbol.asyncDispose]();
    throw error;
  }
}

/** Waits until there is a snapshot to answer from. */
export async function untilServing({ client }: Service, withinMs = 15_000): Promise<void> {
  await eventually(async () => assert.equal(await client.health(), "SERVING"), { withinMs });
}

/** A gate's stream, once the gate is held. */
export async function openGate(
  { client }: Service,
  request: WaitForRefreshRequest = {},
): Promise<MessageStream<WaitForRefresh>> {
  const stream = client.waitForRefresh(request);
  await stream.opened;
  return stream;
}

/** Waits until the server has noticed that callers have gone: so many streams are open then. */
export async function untilStreamsAre({ http }: Service, count: number): Promise<void> {
  await eventually(async () => {
    const metrics = await (await fetch(`http://${http}/metrics`)).text();
    assert.equal(/^labimages_grpc_open_streams (\d+)$/m.exec(metrics)?.[1], String(count));
  });
}

/** The cause and the count of a gate's next message. */
export async function nextOpening(stream: MessageStream<WaitForRefresh>): Promise<readonly [string, number]> {
  const { cause, coalesced } = await stream.next();
  return [cause.replace("REFRESH_CAUSE_", ""), coalesced];
}

/** What each node lacks, as tags. */
export async function missingTags({ client }: Service): Promise<Readonly<Record<string, readonly string[]>>> {
  const { nodes } = await client.call("ListMissingImages", {});
  return Object.fromEntries(nodes.map(({ node, images }) => [node, tagsOf(images)]));
}

/** The tags of images, in their order. */
export function tagsOf(images: readonly Image[]): readonly string[] {
  return images.map(({ tag }) => tag);
}
