import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { AccessTable } from "./kubernetes-access.ts";
import { answerRequest, type ServerState } from "./kubernetes-handler.ts";
import { runNodeLifecycle } from "./kubernetes-lifecycle.ts";
import { keyOf } from "./kubernetes-list.ts";
import type { ApiObject, JsonObject } from "./kubernetes-objects.ts";
import { mergePatch } from "./kubernetes-patch.ts";
import type { Admission } from "./kubernetes-requests.ts";
import { notFound } from "./kubernetes-status.ts";
import { createStore, type KubernetesStore } from "./kubernetes-store.ts";
import { machineTime, type SimulatedTime } from "./kubernetes-time.ts";

/** One request that the simulated server has seen. */
export interface LoggedRequest {
  readonly method: string;
  /** Path and query, as they came. */
  readonly target: string;
  /** The address that it was sent to: of a proxy, where one is between. */
  readonly host: string;
  /** `SimulatedTime.monotonicTime` at its arrival. */
  readonly time: number;
}

/**
 * Handles a request instead of the server, for tests of faults; false leaves it to the server at once, and `pass` does
 * so later.
 */
export type Interceptor = (request: IncomingMessage, response: ServerResponse, pass: () => void) => boolean;

/** How a simulated server is started; everything has a default. */
export interface SimulatedKubernetesOptions {
  /** Loopback port; 0, the default, takes a free one. */
  readonly port?: number;
  readonly time?: SimulatedTime;
  /** Who may do what; null, the default, lets everybody do everything, without a token. */
  readonly access?: AccessTable;
  /** Milliseconds between the bookmarks of a watch: a minute, as with the real server. */
  readonly bookmarkIntervalMs?: number;
}

/** A Kubernetes API server in the process, and what the demo and the tests do to its cluster. */
export interface SimulatedKubernetes {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly port: number;
  /** Text of a kubeconfig for this server, with the first token of the access table. */
  readonly kubeconfig: string;
  /** The latest requests, oldest first; at most 1,000 are kept. */
  readonly requests: readonly LoggedRequest[];
  /** How many watches are open. */
  readonly watches: number;
  /** The objects of a resource by its plural, such as `nodes`, sorted by namespace and name. */
  list(plural: string): readonly ApiObject[];
  /** Adds an object, or replaces it whole, status and all: without admission, as if it had always been so. */
  put(plural: string, object: ApiObject): ApiObject;
  putNode(node: JsonObject): ApiObject;
  /** Merges into a node (RFC 7396), status and all. */
  patchNode(name: string, patch: JsonObject): ApiObject;
  deleteNode(name: string): void;
  /** Makes every version and continue token given so far expire: 410 for those who use them. */
  expireHistory(): void;
  /** Ends all open watches in order, as a server does whose time-out has come. */
  closeWatches(): void;
  /** Lets an admission plugin see every object that is created through the API; null takes it away. */
  admit(admission: Admission | null): void;
  /** Puts a handler before the server's own; null takes it away. */
  intercept(interceptor: Interceptor | null): void;
  close(): Promise<void>;
}

const ADMIT_ALL: Admission = (_plural, object) => object;
const KEPT_REQUESTS = 1_000;
const MINUTE_MS = 60_000;
const NAMESPACES = ["default", "kube-node-lease", "kube-public", "kube-system"];

/**
 * Starts a Kubernetes API server on loopback: lists, watches, writes and their conflicts as the real one has them (one
 * contract suite runs on both), for the resources in `resourceTypes`. Every answer says in its header
 * `x-lab-images-simulation` that it is none of a real cluster.
 */
export async function startKubernetesApi(options: SimulatedKubernetesOptions = {}): Promise<SimulatedKubernetes> {
  const state = createState(options);
  const stopLifecycle = runNodeLifecycle(state.store);
  const requests: LoggedRequest[] = [];
  let interceptor: Interceptor | null = null;
  const server = createServer((request, response) => {
    requests.push({
      method: request.method ?? "",
      target: request.url ?? "",
      host: request.headers.host ?? "",
      time: state.time.monotonicTime(),
    });
    if (requests.length > KEPT_REQUESTS) requests.shift();
    response.setHeader("x-lab-images-simulation", "kubernetes-api");
    const pass = () => answerRequest(state, request, response);
    if (interceptor?.(request, response, pass) !== true) pass();
  });
  server.keepAliveTimeout = MINUTE_MS;
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const bound = (server.address() as AddressInfo).port;
  const url = `http://127.0.0.1:${bound}`;
  return {
    url,
    port: bound,
    kubeconfig: kubeconfigFor(url, state.access?.keys().next().value ?? ""),
    requests,
    get watches() {
      return state.watches.size;
    },
    ...storeOperations(state.store),
    closeWatches: () => {
      for (const end of state.watches) end();
    },
    admit: (next) => {
      state.admission = next ?? ADMIT_ALL;
    },
    intercept: (next) => {
      interceptor = next;
    },
    async close() {
      stopLifecycle();
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** An empty cluster, with the namespaces that every cluster has. */
function createState(options: SimulatedKubernetesOptions): ServerState {
  const { time = machineTime, access = null, bookmarkIntervalMs = MINUTE_MS } = options;
  const store = createStore(() => time.wallTime());
  for (const name of NAMESPACES) {
    store.create("namespaces", name, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  }
  return { store, time, access, bookmarkIntervalMs, watches: new Set(), admission: ADMIT_ALL };
}

function storeOperations(
  store: KubernetesStore,
): Pick<SimulatedKubernetes, "list" | "put" | "putNode" | "patchNode" | "deleteNode" | "expireHistory"> {
  const put: SimulatedKubernetes["put"] = (plural, object) => {
    const key = keyOf(object.metadata.namespace ?? "", object.metadata.name);
    const before = store.get(plural, key);
    if (before === undefined) return store.create(plural, key, object);
    const { uid, creationTimestamp } = before.metadata;
    const metadata = { ...object.metadata, ...(uid && { uid }), ...(creationTimestamp && { creationTimestamp }) };
    return store.replace(plural, key, { ...object, metadata });
  };
  const putNode = (node: JsonObject) => put("nodes", { ...node, apiVersion: "v1", kind: "Node" } as ApiObject);
  return {
    list: (plural) => store.list(plural),
    put,
    putNode,
    patchNode(name, patch) {
      const before = store.get("nodes", name);
      if (before === undefined) throw notFound("nodes", name);
      return putNode(mergePatch(before, patch));
    },
    deleteNode: (name) => store.remove("nodes", name),
    expireHistory: () => store.expireHistory(),
  };
}

/** A kubeconfig that client-node accepts for plain http: it wants `insecure-skip-tls-verify` there. */
function kubeconfigFor(url: string, token: string): string {
  return [
    "apiVersion: v1",
    "kind: Config",
    "clusters:",
    `- {name: simulation, cluster: {server: "${url}", insecure-skip-tls-verify: true}}`,
    "users:",
    `- {name: simulation, user: {${token === "" ? "" : `token: "${token}"`}}}`,
    "contexts:",
    "- {name: simulation, context: {cluster: simulation, user: simulation}}",
    "current-context: simulation",
    "",
  ].join("\n");
}
