import type { TestContext } from "node:test";
import { type ChannelCredentials, credentials, loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import type { Authorizer } from "../../../src/access/authorizer.ts";
import type { ServerTls } from "../../../src/access/tls-server.ts";
import type { HealthClient } from "../../../src/grpc/gen/grpc/health/v1/Health.ts";
import type { ProtoGrpcType as HealthTypes } from "../../../src/grpc/gen/health.ts";
import type { ProtoGrpcType as ImageTypes } from "../../../src/grpc/gen/image_service.ts";
import type { ImageServiceClient } from "../../../src/grpc/gen/labimages/v1/ImageService.ts";
import type { CallObserver } from "../../../src/grpc/server/call.ts";
import { LOADER_OPTIONS } from "../../../src/grpc/server/contract.ts";
import {
  createGrpcServer,
  DEFAULT_GRPC_LIMITS,
  type GrpcLimits,
  type GrpcServer,
} from "../../../src/grpc/server/server.ts";
import type { ServedSettings } from "../../../src/grpc/server/service-context.ts";
import type { ListenAddress } from "../../../src/lib/net.ts";
import type { Clock, LogFields, Logger } from "../../../src/ports.ts";
import { type FakeState, fakeState } from "./fake-state.ts";
import { REGISTRY, REPOSITORY } from "./images.ts";

const files = ["labimages/v1/image_service.proto", "grpc/health/v1/health.proto"];
// The cast is the library's own idiom: only the generated types know what was loaded.
const loaded = loadPackageDefinition(loadSync(files, LOADER_OPTIONS)) as unknown as ImageTypes & HealthTypes;

/** Settings that show every field. */
export const SETTINGS: ServedSettings = {
  images: {
    source: { type: "docker", registry: REGISTRY, repository: REPOSITORY },
    refreshInterval: 300_000,
    prepullTimeout: 600_500,
    recommendedTag: "recommended",
    numReleases: 1,
    numWeeklies: 2,
    numDailies: 3,
    cycle: 45,
    pin: ["w_2077_01"],
    aliasTags: ["latest_weekly"],
  },
  nodeSelector: { pool: "labs" },
  tolerations: [{ key: "dedicated", operator: "Exists", effect: "NoExecute", tolerationSeconds: 60 }, {}],
  prepullerEnabled: false,
  namespace: "prepull",
  pullSecret: "pull-secret",
};

/** One log line. */
export interface LogLine {
  readonly level: string;
  readonly fields: LogFields;
  readonly message: string;
}

/** A logger that keeps what it is told. */
export function keepingLogger(lines: LogLine[], bound: LogFields = {}): Logger {
  function at(level: string) {
    return (fields: LogFields, message: string) => void lines.push({ level, fields: { ...bound, ...fields }, message });
  }
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => keepingLogger(lines, { ...bound, ...fields }),
  };
}

/** The real clock. */
export const realClock: Clock = {
  wallTime: () => Date.now(),
  monotonicTime: () => performance.now(),
  schedule(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** What a test may choose of its server. */
export interface ServerChoices {
  readonly state?: FakeState;
  readonly limits?: Partial<GrpcLimits>;
  readonly listen?: ListenAddress;
  readonly insecure?: boolean;
  readonly settings?: ServedSettings;
  readonly tls?: ServerTls;
  readonly auth?: Authorizer;
  readonly logsCalls?: boolean;
  /** Default: the real one. */
  readonly clock?: Clock;
}

/** A server on loopback with its clients; all of it ends with the test. */
export interface RunningServer {
  readonly state: FakeState;
  readonly server: GrpcServer;
  readonly port: number;
  readonly address: string;
  readonly client: ImageServiceClient;
  readonly health: HealthClient;
  /** A client on a connection of its own. */
  newClient(options?: Record<string, number>, channel?: ChannelCredentials): ImageServiceClient;
  readonly log: LogLine[];
  readonly calls: { readonly method: string; readonly code: string; readonly seconds: number }[];
  /** The limits that were reached, each with the peer that was cut or refused. */
  readonly limited: readonly string[];
  /** Streams open now, as the observer was told last. */
  openStreams(): number;
}

/** Starts a server for this test. */
export async function startServer(context: TestContext, choices: ServerChoices = {}): Promise<RunningServer> {
  const state = choices.state ?? fakeState();
  const log: LogLine[] = [];
  const calls: RunningServer["calls"] = [];
  const limited: string[] = [];
  let open = 0;
  let ids = 0;
  const observer: CallObserver = {
    callFinished: (call) => void calls.push(call),
    streamsOpen: (count) => {
      open = count;
    },
    limitReached: (limit, peer) => void limited.push(`${limit} ${peer}`),
  };
  const server = createGrpcServer({
    listen: choices.listen ?? { host: "127.0.0.1", port: 0 },
    insecure: choices.insecure ?? false,
    tls: choices.tls,
    auth: choices.auth,
    limits: { ...DEFAULT_GRPC_LIMITS, ...choices.limits },
    reader: state.reader,
    commands: state.commands,
    settings: choices.settings ?? SETTINGS,
    logger: keepingLogger(log),
    clock: choices.clock ?? realClock,
    randomId: () => `id-${++ids}`,
    logsCalls: choices.logsCalls ?? false,
    observer,
  });
  const { port } = await server.start();
  const address = `127.0.0.1:${port}`;
  const clients: { close(): void }[] = [];

  function keep<Client extends { close(): void }>(client: Client): Client {
    clients.push(client);
    return client;
  }
  function newClient(options: Record<string, number> = {}, channel = credentials.createInsecure()): ImageServiceClient {
    const ownConnection = { "grpc.use_local_subchannel_pool": 1, ...options };
    return keep(new loaded.labimages.v1.ImageService(address, channel, ownConnection));
  }

  context.after(async () => {
    for (const client of clients) client.close();
    await server.shutdown(0);
  });
  const health = keep(new loaded.grpc.health.v1.Health(address, credentials.createInsecure()));
  return {
    state,
    server,
    port,
    address,
    client: newClient(),
    health,
    newClient,
    log,
    calls,
    limited,
    openStreams: () => open,
  };
}
