import type { Toleration } from "../domain/nodes/node-report.ts";
import type { PrepullPodOptions } from "../domain/prepull/pod-options.ts";
import type {
  DropdownPolicy,
  ImageSettings,
  MenuConfig,
  NodeExpression,
  SetConfig,
  SourceConfig,
} from "../domain/settings.ts";
import type { ListenAddress } from "../lib/net.ts";

/** How a registry is reached; the images themselves are named by `SourceConfig.connection`. */
export interface RegistryAccess {
  /** Plain HTTP instead of HTTPS. */
  readonly insecure: boolean;
  /** Hosts besides the registry's own that its token realms may be on. */
  readonly tokenHosts: readonly string[];
  /** Certificates to trust besides the system's (PEM), or null. */
  readonly caFile: string | null;
  /** The client's certificate (PEM), or null; with `keyFile`. */
  readonly certFile: string | null;
  readonly keyFile: string | null;
  /** Credentials in the `.dockerconfigjson` format, or null. */
  readonly credentialsPath: string | null;
  /** `host:port` of Google's API where it is not the public one, or null. */
  readonly apiEndpoint: string | null;
}

/** A source, and where it comes from. */
export interface ConfiguredSource {
  /** The key that it stands at: `images` or `sources[0]`. */
  readonly key: string;
  readonly source: SourceConfig;
  readonly access: RegistryAccess;
}

/** How the cluster is reached and what its kubelets are known to do. */
interface KubernetesConfig {
  /** Path of a kubeconfig, or null: the environment's (`KUBECONFIG`) or the pod's own account. */
  readonly kubeconfig: string | null;
  /** As the kubelets are configured: -1 for no limit. */
  readonly nodeStatusMaxImages: number;
  /** Milliseconds. */
  readonly markGrace: number;
}

/** Which of several replicas prepulls. Durations in milliseconds. */
interface LeaderElectionConfig {
  readonly enabled: boolean;
  readonly leaseName: string;
  readonly leaseDuration: number;
  readonly renewDeadline: number;
  readonly retryPeriod: number;
}

/** The built-in prepuller, and what outside ones are configured with. */
interface PrepullerConfig {
  readonly enabled: boolean;
  readonly namespace: string | null;
  /** Name of the secret that pods pull with, or null. */
  readonly pullSecret: string | null;
  /** How many pulls may hold a slot at one time, whatever is observed. */
  readonly maxConcurrentPulls: number;
  /** Whether fewer may where fewer are enough. */
  readonly adaptive: boolean;
  /** For how long a pull that was given up keeps its node busy, where nothing shows its end; milliseconds. */
  readonly stuckPullTimeout: number;
  readonly pod: PrepullPodOptions;
  readonly leaderElection: LeaderElectionConfig;
}

/** What callers may take of the gRPC server. Durations in milliseconds. */
interface GrpcLimits {
  /** Connections at one time. */
  readonly maxConnections: number;
  /** Calls, streams among them, that may be open at once, in all. */
  readonly maxStreams: number;
  /** Calls that may be open at once on one connection. */
  readonly maxCallsPerConnection: number;
  /** Memory for requests that are not complete, in all. */
  readonly maxRequestMiB: number;
  readonly requestTimeout: number;
  /** Memory for messages that callers have not taken, in all. */
  readonly maxUnsentMiB: number;
  readonly responseTimeout: number;
}

/** Paths of a server's certificate, its key, and the authorities of client certificates (PEM). */
interface TlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  /** Null where callers show no certificates. */
  readonly clientCAFile: string | null;
}

/** One caller: a Kubernetes account, by its user name, or a client certificate, by a subject alternative name. */
interface CallerConfig {
  readonly kind: "account" | "certificate";
  readonly name: string;
  readonly permissions: readonly ("read" | "prepull" | "refresh")[];
}

/** Who may call. */
interface GrpcAuthConfig {
  /** Audience that tokens have to be issued for. */
  readonly audience: string;
  readonly callers: readonly CallerConfig[];
  /** Services that need no caller. */
  readonly public: readonly ("health" | "reflection")[];
  readonly maxCallsPerCaller: number;
}

/** A proxy that authenticates users, and names them in a header. */
interface HttpAuthConfig {
  /** In lower case. */
  readonly trustedHeader: string;
  /** Addresses and networks of the proxies. */
  readonly trustedProxies: readonly string[];
}

/** The gRPC server. */
interface GrpcConfig {
  readonly listen: ListenAddress;
  /** Allows plaintext beyond loopback. */
  readonly insecure: boolean;
  /** Null: plaintext. */
  readonly tls: TlsConfig | null;
  /** Null: everybody who is connected may call everything. */
  readonly auth: GrpcAuthConfig | null;
  readonly limits: GrpcLimits;
}

/** The HTTP server. */
interface HttpConfig {
  readonly listen: ListenAddress;
  readonly allowAnonymousRead: boolean;
  /** Null: plaintext. */
  readonly tls: TlsConfig | null;
  /** Null: no proxy is trusted. */
  readonly auth: HttpAuthConfig | null;
  /** Stands before the paths of the original's routes, such as `/nublado`; empty for none. */
  readonly pathPrefix: string;
  /** File with the shared secret of `/hooks/registry`, or null: no hook is served. */
  readonly hookSecretFile: string | null;
}

/** The log. */
interface LogConfig {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly profile: "production" | "development";
}

/** The whole configuration of `lab-images serve`: plain data, complete with defaults, durations in milliseconds. */
export interface Config {
  /** Null where the configuration has no `images:`. */
  readonly images: ImageSettings | null;
  /** That of `images:` first, with the name `default`; at least one. */
  readonly sources: readonly ConfiguredSource[];
  /** That of `images:` first, with the name `default`. */
  readonly sets: readonly SetConfig[];
  readonly menu: MenuConfig;
  readonly dropdown: DropdownPolicy;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly nodeExpressions: readonly NodeExpression[];
  readonly tolerations: readonly Toleration[];
  readonly kubernetes: KubernetesConfig;
  readonly prepuller: PrepullerConfig;
  readonly grpc: GrpcConfig;
  readonly http: HttpConfig;
  readonly log: LogConfig;
}

/** A configuration as it is served. */
export interface ServedConfig extends Config {
  /** `images:`, or what stands for it of the first source: for answers that know one source alone. */
  readonly images: ImageSettings;
  /** Whether the configuration has `images:`. */
  readonly hasImages: boolean;
}
