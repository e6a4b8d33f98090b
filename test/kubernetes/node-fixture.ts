import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeReport } from "../../src/domain/nodes/node-report.ts";
import {
  type ConnectionLimits,
  connectKubernetes,
  type KubernetesConnection,
} from "../../src/kubernetes/client/connection.ts";
import { createNodeSource, type NodeSourceLimits } from "../../src/kubernetes/nodes/node-source.ts";
import type { Clock, Logger, NodeChange, NodeSource } from "../../src/ports.ts";
import {
  type LoggedRequest,
  type SimulatedKubernetes,
  type SimulatedKubernetesOptions,
  startKubernetesApi,
} from "../../src/simulation/kubernetes/kubernetes-api.ts";
import type { JsonObject } from "../../src/simulation/kubernetes/kubernetes-objects.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";

/** A logger that says nothing. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

/** A digest made of one number. */
export function digest(number: number): string {
  return `sha256:${number.toString(16).padStart(64, "0")}`;
}

/** One entry of `status.images`, with a digest and a tag. */
export function imageEntry(number: number, sizeBytes = 1_000_000_000 + number): JsonObject {
  const repository = "registry.example.org/lab/sciplat-lab";
  return { names: [`${repository}@${digest(number)}`, `${repository}:w_${number}`], sizeBytes };
}

/** A node with images of these numbers. */
export function nodeObject(name: string, images: readonly number[] = [], more: JsonObject = {}): JsonObject {
  const { metadata, ...rest } = more;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "kubernetes.io/arch": "amd64", pool: "lab" }, ...(metadata as JsonObject | undefined) },
    spec: {},
    status: { images: images.map((number) => imageEntry(number)) },
    ...rest,
  };
}

/** Writes a file into a folder of its own; both vanish with the returned object. */
export async function temporaryFile(name: string, text: string): Promise<AsyncDisposable & { path: string }> {
  const folder = await mkdtemp(join(tmpdir(), "lab-images-test-"));
  const path = join(folder, name);
  await writeFile(path, text);
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

/** What a follower has been told, and the nodes that come of it, as the core would hold them. */
export interface Follower {
  readonly nodes: Map<string, NodeReport>;
  readonly batches: (readonly NodeChange[])[];
  readonly health: (string | null)[];
  relists: number;
  readonly restarts: number;
  /** Lists, and takes the list over with the changes that came meanwhile. */
  list(): Promise<void>;
  /** Lists whenever the source asks for it, as the core does; failures are tried again at the next request. */
  listOnDemand: boolean;
}

/** Follows a source the way the core does: a list replaces all, changes apply to it and to what a list gathers. */
export function followNodes(source: NodeSource, signal: AbortSignal): Follower {
  let gathering: Map<string, NodeReport> | null = null;
  let restarts = 0;
  let queue: Promise<void> = Promise.resolve();
  const apply = (nodes: Map<string, NodeReport>, change: NodeChange) => {
    if (change.type === "node.reported") nodes.set(change.node.name, change.node);
    else if (nodes.get(change.name)?.uid === change.uid) nodes.delete(change.name);
  };
  async function listNow(): Promise<void> {
    let gathered = new Map<string, NodeReport>();
    try {
      await source.list(
        (page) => {
          gathering = gathered;
          for (const node of page.nodes) gathered.set(node.name, node);
        },
        () => {
          restarts += 1;
          gathered = new Map();
          gathering = null;
        },
        signal,
      );
      follower.nodes.clear();
      for (const [name, node] of gathered) follower.nodes.set(name, node);
    } finally {
      gathering = null;
    }
  }
  const follower: Follower = {
    nodes: new Map(),
    batches: [],
    health: [],
    relists: 0,
    get restarts() {
      return restarts;
    },
    listOnDemand: true,
    list() {
      const next = queue.then(listNow);
      queue = next.catch(() => undefined);
      return next;
    },
  };
  source.follow(
    {
      changed(changes) {
        follower.batches.push(changes);
        for (const change of changes) {
          apply(follower.nodes, change);
          if (gathering !== null) apply(gathering, change);
        }
      },
      health: (error) => follower.health.push(error?.message ?? null),
      relistNeeded() {
        follower.relists += 1;
        if (follower.listOnDemand) follower.list().catch(() => undefined);
      },
    },
    signal,
  );
  return follower;
}

/** Timers short enough for tests, in the proportions of the real ones. */
export const shortLimits: Partial<NodeSourceLimits> = {
  backoff: { initialMs: 10, maxMs: 80, resetAfterMs: 2_000 },
  queue: { debounceMs: 5 },
  watch: { openMs: 1_000, silenceMs: 400, stableMs: 50 },
  list: { pageSize: 3, pageMs: 1_500 },
};

/** A source connected to the API of a kubeconfig, and what it is made of; everything ends with it. */
export interface ConnectedSource extends AsyncDisposable {
  readonly source: NodeSource;
  readonly connection: KubernetesConnection;
  readonly signal: AbortSignal;
  follow(): Follower;
}

/** Connects a node source as the service does, through a kubeconfig file. */
export async function connectSource(
  kubeconfig: string,
  options: {
    readonly limits?: Partial<NodeSourceLimits>;
    readonly connectionLimits?: Partial<ConnectionLimits>;
    readonly nodeSelector?: Readonly<Record<string, string>>;
    readonly clock?: Clock;
    readonly logger?: Logger;
  } = {},
): Promise<ConnectedSource> {
  const file = await temporaryFile("kubeconfig", kubeconfig);
  const { clock = machineTime, nodeSelector = {}, limits = shortLimits, connectionLimits = {} } = options;
  const { logger = silentLogger } = options;
  const connection = connectKubernetes({ kubeconfig: file.path, clock, limits: connectionLimits });
  const source = createNodeSource({
    connection,
    nodeSelector,
    labelKeys: ["pool"],
    clock,
    random: () => 0.5,
    logger,
    limits,
  });
  const life = new AbortController();
  return {
    source,
    connection,
    signal: life.signal,
    follow: () => followNodes(source, life.signal),
    async [Symbol.asyncDispose]() {
      life.abort(new Error("the test is over"));
      await connection.close();
      await file[Symbol.asyncDispose]();
    },
  };
}

/** A simulated API server behind a fault proxy, and a source that is connected through the proxy. */
export interface Cluster extends AsyncDisposable {
  readonly api: SimulatedKubernetes;
  readonly proxy: FaultProxy;
  readonly connected: ConnectedSource;
}

/** Starts all three. */
export async function startCluster(
  options: Parameters<typeof connectSource>[1] & { readonly api?: SimulatedKubernetesOptions } = {},
): Promise<Cluster> {
  const api = await startKubernetesApi(options.api);
  const proxy = await startFaultProxy({ host: "127.0.0.1", port: api.port });
  const kubeconfig = api.kubeconfig.replace(api.url, `http://127.0.0.1:${proxy.port}`);
  const connected = await connectSource(kubeconfig, options);
  return {
    api,
    proxy,
    connected,
    async [Symbol.asyncDispose]() {
      await connected[Symbol.asyncDispose]();
      await proxy.close();
      await api.close();
    },
  };
}

/** The names and first digests of what the server holds, and of what the follower believes, to be compared. */
export function assertInStep(api: SimulatedKubernetes, follower: Follower): void {
  const actual = [...follower.nodes.values()].map((node) => `${node.name} ${node.uid} ${node.images[0]?.digests[0]}`);
  const expected = api.list("nodes").map((node) => {
    const images = node.status?.["images"] as readonly { names: string[] }[] | null | undefined;
    return `${node.metadata.name} ${node.metadata.uid} ${images?.[0]?.names[0]?.split("@")[1]}`;
  });
  assert.deepEqual(new Set(actual), new Set(expected));
}

/** Requests for watches that the server has seen. */
export function watchRequests(api: SimulatedKubernetes): readonly LoggedRequest[] {
  return api.requests.filter((each) => each.target.includes("watch=true"));
}

/** Requests for first pages of lists that the server has seen. */
export function listRequests(api: SimulatedKubernetes): readonly LoggedRequest[] {
  return api.requests.filter((each) => !each.target.includes("watch=true") && !each.target.includes("continue="));
}

/** Answers the next watches instead of the server, `times` times; everything else passes. */
export function answerWatches(
  api: SimulatedKubernetes,
  times: number,
  answer: (response: ServerResponse) => void,
): void {
  let left = times;
  api.intercept((request, response) => {
    if (!request.url?.includes("watch=true") || left === 0) return false;
    left -= 1;
    answer(response);
    return true;
  });
}
