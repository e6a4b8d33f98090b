import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { PEER_LIMITS, type PeerLimit } from "../domain/peer-limits.ts";
import type { Clock, RefreshCause } from "../ports.ts";
import type { AlertCounts } from "./alerts.ts";
import { watchEventLoop } from "./event-loop.ts";
import { boundedLabel } from "./label.ts";
import { createPrepullMetrics, type PrepullCounts } from "./prepull-metrics.ts";
import { createStateMetrics, type MeasuredState } from "./state-metrics.ts";

/** Outcome of a refresh. */
interface RefreshOutcome {
  readonly cause: RefreshCause;
  readonly outcome: "success" | "failure";
  /** How long it took. */
  readonly seconds: number;
}

/**
 * What the process counts. Names begin with `labimages_`, units are base units, no label takes a tag, a digest, a node
 * or any other value without bound. Nothing here throws.
 */
export interface Metrics extends AlertCounts, PrepullCounts {
  /** A refresh has ended. */
  refreshFinished(outcome: RefreshOutcome): void;
  /** How many tags the registry listed last. */
  remoteTags(count: number): void;
  /** A request to the registry ended with this HTTP status, or without a response. */
  registryRequest(method: string, status: number | "failed"): void;
  /** A request to the registry is made again. */
  registryRetry(): void;
  /** A gRPC call has ended: the method's name in the contract, the status code's name, its duration. */
  grpcCall(method: string, code: string, seconds: number): void;
  /** How many gRPC streams are open. */
  openStreams(count: number): void;
  /** A caller was let in, or not, and why. */
  authorized(outcome: "allowed" | "unauthenticated" | "denied" | "unavailable"): void;
  /** When the certificate in this file of the configuration, such as `grpc.tls.certFile`, ends; ms since the epoch. */
  certificateNotAfter(file: string, notAfterMs: number): void;
  /** The configuration file has changed, and can be used or not. */
  configChanged(outcome: ConfigOutcome): void;
  /** A limit has cut or refused a peer. */
  limitReached(limit: PeerLimit): void;
  /** A wait gate sent a message to its caller. */
  gateMessage(cause: RefreshCause): void;
  /** Reads the state at each scrape: generation, staleness, numbers of images and nodes, missing pairs. */
  watchState(reader: MeasuredState, clock: Clock): void;
  /** Reads at each scrape how many log lines were dropped. */
  watchLog(log: { dropped(): number }): void;
  /** The content type of `render`. */
  readonly contentType: string;
  /** All metrics in Prometheus's text format. */
  render(): Promise<string>;
  /** Stops measuring the event loop. */
  close(): void;
}

const CONFIG_OUTCOMES = ["accepted", "refused"] as const;
type ConfigOutcome = (typeof CONFIG_OUTCOMES)[number];

/** Seconds: a look-up takes fractions of a millisecond, a refresh on demand minutes. */
const CALL_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 120];
const REFRESH_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

const REFRESH_CAUSES = ["STARTUP", "SCHEDULED", "REQUESTED", "NODES_CHANGED", "REGISTRY_NOTIFIED"] as const;

/** Statuses of registries that are initialised to 0. */
const REGISTRY_STATUSES = ["200", "401", "403", "404", "429", "500", "502", "503", "504", "failed"];

/** Values of labels that are known beforehand: their counters begin at 0, so that the first event is an increase. */
export interface KnownLabels {
  readonly grpcMethods: readonly string[];
  readonly grpcCodes: readonly string[];
}

/** Metrics of their own registry, with those of the process. */
export function createMetrics(known: KnownLabels = { grpcMethods: [], grpcCodes: [] }): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const stopWatchingEventLoop = watchEventLoop(registry);
  const state = createStateMetrics(registry);
  const counters: Omit<Metrics, "contentType" | "render" | "close" | "watchState"> = {
    ...createRefreshMetrics(registers),
    ...createRegistryMetrics(registers),
    ...createGrpcMetrics(registers, known),
    ...createLimitMetrics(registers),
    ...createConfigMetrics(registers),
    ...createAlertMetrics(registers),
    ...createAccessMetrics(registers),
    ...createPrepullMetrics(registers),
    watchLog: createLogMetrics(registers),
  };
  return {
    ...counters,
    watchState: state.watch,
    contentType: registry.contentType,
    async render() {
      state.update();
      return await registry.metrics();
    },
    close: stopWatchingEventLoop,
  };
}

type Registers = Registry[];

function createRefreshMetrics(registers: Registers): Pick<Metrics, "refreshFinished" | "gateMessage"> {
  const refreshes = new Counter({
    name: "labimages_refreshes_total",
    help: "Refreshes that have ended, by cause and outcome.",
    labelNames: ["cause", "outcome"],
    registers,
  });
  const duration = new Histogram({
    name: "labimages_refresh_duration_seconds",
    help: "How long refreshes took.",
    buckets: REFRESH_BUCKETS,
    registers,
  });
  const gateMessages = new Counter({
    name: "labimages_gate_messages_total",
    help: "Messages sent by wait gates, by the cause of the latest refresh behind them.",
    labelNames: ["cause"],
    registers,
  });
  for (const cause of REFRESH_CAUSES) {
    gateMessages.inc({ cause }, 0);
    for (const outcome of ["success", "failure"]) refreshes.inc({ cause, outcome }, 0);
  }
  return {
    refreshFinished({ cause, outcome, seconds }) {
      refreshes.inc({ cause, outcome });
      duration.observe(seconds);
    },
    gateMessage: (cause) => gateMessages.inc({ cause }),
  };
}

function createRegistryMetrics(
  registers: Registers,
): Pick<Metrics, "remoteTags" | "registryRequest" | "registryRetry"> {
  const tags = new Gauge({ name: "labimages_tags", help: "Tags that the registry listed last.", registers });
  const requests = new Counter({
    name: "labimages_registry_requests_total",
    help: "Requests to the registry, by method and HTTP status (`failed`: no response).",
    labelNames: ["method", "status"],
    registers,
  });
  const retries = new Counter({
    name: "labimages_registry_retries_total",
    help: "Requests to the registry that were retried.",
    registers,
  });
  const statusLabel = boundedLabel();
  for (const method of ["GET", "HEAD"]) {
    for (const status of REGISTRY_STATUSES.map(statusLabel)) requests.inc({ method, status }, 0);
  }
  return {
    remoteTags: (count) => tags.set(count),
    registryRequest: (method, status) => requests.inc({ method, status: statusLabel(String(status)) }),
    registryRetry: () => retries.inc(),
  };
}

function createGrpcMetrics(
  registers: Registers,
  { grpcMethods, grpcCodes }: KnownLabels,
): Pick<Metrics, "grpcCall" | "openStreams"> {
  const calls = new Counter({
    name: "labimages_grpc_calls_total",
    help: "gRPC calls that have ended, by method and status code.",
    labelNames: ["method", "code"],
    registers,
  });
  const duration = new Histogram({
    name: "labimages_grpc_call_duration_seconds",
    help: "How long gRPC calls took, by method; streams count until they end.",
    labelNames: ["method"],
    buckets: CALL_BUCKETS,
    registers,
  });
  const streams = new Gauge({
    name: "labimages_grpc_open_streams",
    help: "gRPC streams that are open.",
    registers,
  });
  const methodLabel = boundedLabel();
  const codeLabel = boundedLabel();
  for (const method of grpcMethods.map(methodLabel)) {
    for (const code of grpcCodes.map(codeLabel)) calls.inc({ method, code }, 0);
    duration.zero({ method });
  }
  return {
    grpcCall(method, code, seconds) {
      calls.inc({ method: methodLabel(method), code: codeLabel(code) });
      duration.observe({ method: methodLabel(method) }, seconds);
    },
    openStreams: (count) => streams.set(count),
  };
}

function createLimitMetrics(registers: Registers): Pick<Metrics, "limitReached"> {
  const reached = new Counter({
    name: "labimages_peer_limits_total",
    help: "How often a limit has cut or refused a peer, by protocol and limit.",
    labelNames: ["protocol", "limit"],
    registers,
  });
  for (const limit of PEER_LIMITS.grpc) reached.inc({ protocol: "grpc", limit }, 0);
  for (const limit of PEER_LIMITS.http) reached.inc({ protocol: "http", limit }, 0);
  return { limitReached: ({ protocol, limit }) => reached.inc({ protocol, limit }) };
}

function createConfigMetrics(registers: Registers): Pick<Metrics, "configChanged"> {
  const changes = new Counter({
    name: "labimages_config_changes_total",
    help: "How often the configuration file has changed while the process runs, by outcome.",
    labelNames: ["outcome"],
    registers,
  });
  for (const outcome of CONFIG_OUTCOMES) changes.inc({ outcome }, 0);
  return { configChanged: (outcome) => changes.inc({ outcome }) };
}

function createAlertMetrics(registers: Registers): AlertCounts {
  const raised = new Counter({
    name: "labimages_alerts_total",
    help: "Alerts that were raised; one that repeats before it is resolved counts once.",
    registers,
  });
  const active = new Gauge({
    name: "labimages_active_alerts",
    help: "Alerts that are active, as far as this replica observes them.",
    registers,
  });
  return { alertRaised: () => raised.inc(), activeAlerts: (count) => active.set(count) };
}

function createAccessMetrics(registers: Registers): Pick<Metrics, "certificateNotAfter" | "authorized"> {
  let notAfter: Gauge<"file"> | null = null;
  let outcomes: Counter<"outcome"> | null = null;
  return {
    authorized(outcome) {
      // Where everybody may call there is no such series.
      outcomes ??= createOutcomes(registers);
      outcomes.inc({ outcome });
    },
    certificateNotAfter(file, notAfterMs) {
      // Without TLS there is no such series.
      notAfter ??= new Gauge({
        name: "labimages_certificate_not_after_timestamp_seconds",
        help: "End of the validity of the server's certificate, by the key of its file.",
        labelNames: ["file"],
        registers,
      });
      notAfter.set({ file }, notAfterMs / 1_000);
    },
  };
}

function createOutcomes(registers: Registers): Counter<"outcome"> {
  const counter = new Counter({
    name: "labimages_auth_total",
    help: "Calls that need a caller, by outcome: allowed, unauthenticated, denied, or unavailable (no review of the token).",
    labelNames: ["outcome"],
    registers,
  });
  for (const outcome of ["allowed", "unauthenticated", "denied", "unavailable"]) counter.inc({ outcome }, 0);
  return counter;
}

function createLogMetrics(registers: Registers): Metrics["watchLog"] {
  let dropped = () => 0;
  new Counter({
    name: "labimages_log_lines_dropped_total",
    help: "Log lines that were lost because their reader stalled.",
    registers,
    collect() {
      this.reset();
      this.inc(dropped());
    },
  });
  return (log) => {
    dropped = () => log.dropped();
  };
}
