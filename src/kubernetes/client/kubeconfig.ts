import { isIPv6 } from "node:net";
import { dirname, isAbsolute, join } from "node:path";
import {
  type Cluster,
  type Context,
  newClusters,
  newContexts,
  newUsers,
  type User,
} from "@kubernetes/client-node/dist/config_types.js";
import { parse } from "yaml";
import { readRegularFile } from "../../lib/bytes.ts";

/** A cluster, and as whom to reach it. Relative paths of a kubeconfig are resolved. */
export interface ClusterAccess {
  readonly cluster: Cluster;
  /** Null where the context names nobody: then requests carry no credentials. */
  readonly user: User | null;
  /** Path of a file that holds the user's token, or null. */
  readonly tokenFile: string | null;
  /** The namespace of our pod or of the context, or null. */
  readonly namespace: string | null;
}

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** The service account of our pod. `rootPrefix` stands before the paths of its files; empty in a real pod. */
export async function readServiceAccount(rootPrefix: string): Promise<ClusterAccess> {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "" } = process.env;
  const scheme = ["80", "8080", "8001"].includes(port) ? "http" : "https";
  const directory = `${rootPrefix}${SERVICE_ACCOUNT}`;
  const cluster = {
    name: "in-cluster",
    server: `${scheme}://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    caFile: `${directory}/ca.crt`,
    skipTLSVerify: false,
  };
  const namespace = await readText(`${directory}/namespace`).catch(() => "");
  return { cluster, user: null, tokenFile: `${directory}/token`, namespace: namespace.trim() || null };
}

/**
 * The current context of a kubeconfig, with client-node's reading of clusters, contexts and users. Its KubeConfig class
 * is not loaded: it brings the whole generated client along, 84 MB resident, of which nothing is used here.
 */
export async function readKubeconfig(path: string): Promise<ClusterAccess> {
  // Without an excerpt in the error: it could hold a secret.
  const root: unknown = parse(await readText(path), { prettyErrors: false });
  const context = named(newContexts(field(root, "contexts")), field(root, "current-context"));
  const cluster = named(newClusters(field(root, "clusters")), context?.cluster);
  if (cluster === null) throw new Error("the kubeconfig's current context names no cluster");
  const users = field(root, "users");
  const user = named(newUsers(users), context?.user);
  const absolute = (file: string): string => (isAbsolute(file) ? file : join(dirname(path), file));
  if (cluster.caFile) cluster.caFile = absolute(cluster.caFile);
  if (user?.certFile) user.certFile = absolute(user.certFile);
  if (user?.keyFile) user.keyFile = absolute(user.keyFile);
  const tokenFile = tokenFileOf(users, user?.name);
  return {
    cluster,
    user,
    tokenFile: tokenFile === null ? null : absolute(tokenFile),
    namespace: context?.namespace?.trim() || null,
  };
}

async function readText(path: string): Promise<string> {
  return (await readRegularFile(path)).toString("utf8");
}

/** The key `tokenFile` of a user, which client-node's reading passes over. */
function tokenFileOf(users: unknown, name: string | undefined): string | null {
  const entry = Array.isArray(users) ? users.find((each: unknown) => field(each, "name") === name) : undefined;
  const tokenFile = field(field(entry, "user"), "tokenFile");
  return typeof tokenFile === "string" ? tokenFile : null;
}

function named<T extends Cluster | Context | User>(entries: readonly T[], name: unknown): T | null {
  return entries.find((entry) => entry.name === name) ?? null;
}

/** A key of a mapping that may be anything. */
function field(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
