import { randomUUID } from "node:crypto";
import { type Authorizer, createAuthorizer } from "../access/authorizer.ts";
import { openCertificates } from "../access/certificate-source.ts";
import type { ServerTls } from "../access/tls-server.ts";
import type { ServedConfig } from "../config/config.ts";
import { selectionKeys } from "../domain/sets/node-selection.ts";
import { SERVED_METHODS } from "../grpc/server/contract.ts";
import { CALL_CODES } from "../grpc/server/error-table.ts";
import { createGrpcServer, DEFAULT_GRPC_LIMITS, type GrpcServer } from "../grpc/server/server.ts";
import { createHttpServer, type HttpServer } from "../http/server.ts";
import { createTokenReviewer } from "../kubernetes/access/token-review.ts";
import { connectKubernetes, type KubernetesConnection } from "../kubernetes/client/connection.ts";
import { createNodeSource } from "../kubernetes/nodes/node-source.ts";
import type { Clock } from "../ports.ts";
import { createTagLookup } from "../registry/oci/tag-lookup.ts";
import { createImageService, type ImageService } from "../service/image-service.ts";
import { createLimitObserver, type LimitObserver } from "../service/observers/limit-observer.ts";
import { createObservers } from "../service/observers/observers.ts";
import { createAlerts } from "../telemetry/alerts.ts";
import type { ProcessLogger } from "../telemetry/logger.ts";
import { createMetrics, type Metrics } from "../telemetry/metrics.ts";
import { type ConfigFollower, followConfig } from "./config-follower.ts";
import { createImageSources, type ImageSources } from "./image-source.ts";
import { commonSelector, listedSources } from "./listed-sources.ts";
import { createBuiltInPrepuller, type RunningPrepuller } from "./prepuller.ts";
import { createHook, type Hook } from "./registry-hook.ts";

/** Tags outside the prepull set that may be looked up at the registry at one time. */
const MAX_LOOK_UPS = 32;

const MIB = 1_024 * 1_024;

/** What the process brings. */
export interface AppOptions {
  readonly config: ServedConfig;
  /** The file that the configuration is from, where it is from one that may change. */
  readonly configFile?: string | undefined;
  readonly logger: ProcessLogger;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** The service cannot go on: the process has to end with an exit status other than 0. */
  readonly onBroken: () => void;
}

/** With what counts and logs whatever a limit cuts or refuses. */
export interface ServedOptions extends AppOptions {
  readonly limits: LimitObserver;
}

/** What the service works with. */
interface Adapters {
  readonly sources: ImageSources;
  readonly connection: KubernetesConnection;
  readonly prepuller: RunningPrepuller | null;
}

function createLimits({ clock, logger }: AppOptions, metrics: Metrics): LimitObserver {
  return createLimitObserver({ clock, metrics, logger: logger.child({ component: "limits" }) });
}

function createService(
  { config, clock, random, logger, limits, onBroken }: ServedOptions,
  { sources, connection, prepuller }: Adapters,
  metrics: Metrics,
  onServing: () => void,
): ImageService {
  const { images, hasImages, sets, menu, dropdown } = config;
  const { nodeStatusMaxImages, markGrace } = config.kubernetes;
  const alerts = createAlerts({ logger, counts: metrics });
  const serviceLogger = logger.child({ component: "service" });
  const observers = createObservers({ logger: serviceLogger, alerts, metrics, clock });
  const lookUps = new Map(
    sources.all.map((source, at) => [
      config.sources[at]?.source.name ?? "",
      createTagLookup(source, {
        maxConcurrent: MAX_LOOK_UPS,
        onLimit: (peer) => limits.reached({ protocol: "grpc", limit: "look_ups" }, peer),
      }),
    ]),
  );
  const service = createImageService({
    epoch: randomUUID(),
    settings: {
      sources: config.sources.map(({ source }) => source.name),
      sets,
      menu,
      dropdown,
      images: hasImages ? images : null,
    },
    pullTimeoutMs: Math.max(...config.sources.map(({ source }) => source.pullTimeoutMs)),
    // Whoever pulls from outside decides by itself what to do on nodes that are being drained.
    rules: {
      sets,
      systems: [],
      nodeStatusMaxImages,
      markGrace,
      excludesDrained: prepuller !== null,
    },
    sources: listedSources(config, sources),
    nodes: createNodeSource({
      connection,
      nodeSelector: commonSelector(sets),
      labelKeys: [...new Set(sets.flatMap(selectionKeys))],
      clock,
      random,
      logger,
    }),
    prepuller: prepuller ?? undefined,
    lookUpTag: async (source, tag, peer, signal) => (await lookUps.get(source)?.lookup(tag, peer, signal)) ?? null,
    clock,
    random,
    logger: serviceLogger,
    observe(news, state) {
      if (news.type === "snapshot.replaced") onServing();
      observers.observe(news, state);
    },
    onGateMessage: (cause) => metrics.gateMessage(cause),
    onGateLimit: (peer) => limits.reached({ protocol: "grpc", limit: "gates" }, peer),
    onBroken(error) {
      logger.error({ err: error }, "coordinator crashed, process exits (bug)");
      onBroken();
    },
  });
  return {
    ...service,
    stop() {
      service.stop();
      observers.stop();
    },
  };
}

function createGrpc(
  { config, clock, logger, limits: observer }: ServedOptions,
  { reader, commands }: ImageService,
  metrics: Metrics,
  tls: ServerTls | undefined,
  auth: Authorizer | undefined,
): GrpcServer {
  const { listen, insecure, limits } = config.grpc;
  const { enabled: prepullerEnabled, namespace, pullSecret } = config.prepuller;
  const { images, nodeSelector, tolerations } = config;
  return createGrpcServer({
    listen,
    insecure,
    tls,
    auth,
    limits: {
      ...DEFAULT_GRPC_LIMITS,
      connections: limits.maxConnections,
      calls: limits.maxStreams,
      callsPerConnection: limits.maxCallsPerConnection,
      requestBytes: limits.maxRequestMiB * MIB,
      requestTimeout: limits.requestTimeout,
      unsentBytes: limits.maxUnsentMiB * MIB,
      responseTimeout: limits.responseTimeout,
    },
    reader,
    commands,
    settings: { images, nodeSelector, tolerations, prepullerEnabled, namespace, pullSecret },
    logger: logger.child({ component: "grpc" }),
    clock,
    randomId: randomUUID,
    logsCalls: config.log.level === "debug",
    observer: {
      callFinished: ({ method, code, seconds }) => metrics.grpcCall(method, code, seconds),
      streamsOpen: (count) => metrics.openStreams(count),
      limitReached: (limit, peer) => observer.reached({ protocol: "grpc", limit }, peer),
    },
  });
}

function createRegistryHook(
  { config, clock, logger, limits }: ServedOptions,
  { all }: ImageSources,
  { commands }: ImageService,
  replicas: RunningPrepuller | null,
): Hook | null {
  const { hookSecretFile: secretFile } = config.http;
  if (secretFile === null) return null;
  return createHook({
    secretFile,
    repositories: new Set(all.map(({ repository }) => repository)),
    commands,
    replicas,
    clock,
    logger: logger.child({ component: "hook" }),
    onLimit: (limit, peer) => limits.reached({ protocol: "http", limit }, peer),
  });
}

function createHttp(
  { config, clock, logger, limits }: ServedOptions,
  { reader }: ImageService,
  metrics: Metrics,
  hook: Hook | null,
  tls: ServerTls | undefined,
  auth: Authorizer | undefined,
): HttpServer {
  const { listen, allowAnonymousRead, pathPrefix } = config.http;
  return createHttpServer({
    listen,
    allowAnonymousRead,
    pathPrefix,
    tls,
    auth,
    trusted: config.http.auth ?? undefined,
    logsRequests: config.log.level === "debug",
    reader,
    settings: config.images,
    metrics,
    logger: logger.child({ component: "http" }),
    clock,
    hook: hook?.handler,
    onLimit: (limit, peer) => limits.reached({ protocol: "http", limit }, peer),
  });
}

/** TLS of one of the two servers; undefined where it is plaintext. */
async function openTls(
  { config, clock, logger }: AppOptions,
  metrics: Metrics,
  server: "grpc" | "http",
): Promise<ServerTls | undefined> {
  const { tls: files } = config[server];
  if (files === null) return undefined;
  const certificates = await openCertificates({
    key: `${server}.tls`,
    files,
    clock,
    logger: logger.child({ component: server }),
    alerts: createAlerts({ logger, counts: metrics }),
    observeNotAfter: (file, notAfterMs) => metrics.certificateNotAfter(file, notAfterMs),
  });
  if (files.clientCAFile === null) return { certificates, clientCertificates: "none" };
  // Probes and scrapes of HTTP come without a certificate, and callers may show a token instead.
  const isRequired = server === "grpc" && config.grpc.auth === null;
  return { certificates, clientCertificates: isRequired ? "required" : "optional" };
}

function createAuth(
  { config, clock, logger }: AppOptions,
  connection: KubernetesConnection,
  metrics: Metrics,
): Authorizer | undefined {
  const { auth: settings } = config.grpc;
  if (settings === null) return undefined;
  return createAuthorizer({
    settings,
    reviewer: createTokenReviewer(connection, settings.audience),
    clock,
    logger: logger.child({ component: "auth" }),
    observe: (outcome) => metrics.authorized(outcome),
  });
}

function createConfigFollower(
  { config, configFile: file, clock, logger }: AppOptions,
  metrics: Metrics,
): ConfigFollower | null {
  if (file === undefined) return null;
  const observe = metrics.configChanged;
  return followConfig({ file, config, clock, logger: logger.child({ component: "config" }), observe });
}

/** How each part of the service is made, in the order in which they are: tests let one of them fail. */
export const FACTORIES = {
  metrics: () => createMetrics({ grpcMethods: SERVED_METHODS, grpcCodes: CALL_CODES }),
  limits: createLimits,
  source: createImageSources,
  connection: connectKubernetes,
  prepuller: createBuiltInPrepuller,
  service: createService,
  hook: createRegistryHook,
  tls: openTls,
  auth: createAuth,
  grpc: createGrpc,
  http: createHttp,
  configFile: createConfigFollower,
};

export type Factories = typeof FACTORIES;
