import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Remote, startRemote } from "../bench/processes/remote.ts";
import { eventually } from "../support/eventually.ts";
import { connectClient, type ImageServiceClient } from "../support/grpc-client.ts";
import { type ServiceProcess, startServiceProcess } from "../support/service-process.ts";
import { createMemoryGroup, type MemoryGroup } from "./cgroup.ts";
import type { HostileHandlers } from "./hostile-peers.ts";
import { SERVICE_PRIORITY } from "./priority.ts";
import type { ProberHandlers } from "./prober.ts";
import type { WorldHandlers } from "./world.ts";

/** What every scene begins with, and goes back to. */
export const BASE = { tags: 300, nodes: 20, imagesPerNode: 30 };

const FIRST = ["nice", "-n", String(SERVICE_PRIORITY)];
const POLL_MS = 20;
const REFRESH_MS = 120_000;

/** The ports of the service on 127.0.0.1. */
export interface Ports {
  readonly grpc: number;
  readonly http: number;
}

/** The service in a memory cgroup, with all that it deals with outside of that. */
export interface MemoryScene extends AsyncDisposable {
  readonly world: Remote<WorldHandlers>;
  readonly hostile: Remote<HostileHandlers>;
  readonly prober: Remote<ProberHandlers>;
  readonly service: ServiceProcess;
  readonly group: MemoryGroup;
  readonly ports: Ports;
  readonly client: ImageServiceClient;
  /** Refreshes by hand. Returns why it failed, or null. */
  refresh(): Promise<string | null>;
  /** Watches the memory from now on; returns a function that ends the watch and returns the peak. */
  watchPeak(): () => number;
  /** Bytes once they have stopped moving. */
  steadyBytes(): Promise<number>;
  /** The median of bytes over a period, in ms. */
  medianBytes(forMs: number): Promise<number>;
  /** The longest stop of the service's event loop in ms. */
  longestStop(): Promise<number>;
}

/** Starts the service with this limit in bytes before a registry of this kind. */
export async function startMemoryScene(limit: number, kind: "docker" | "google"): Promise<MemoryScene> {
  await using started = new AsyncDisposableStack();
  const group = started.use(createMemoryGroup(limit));
  const world = started.adopt(startRemote<WorldHandlers>(new URL("./world.ts", import.meta.url)), (it) => it.stop());
  const hostile = started.adopt(startRemote<HostileHandlers>(new URL("./hostile-peers.ts", import.meta.url)), (it) =>
    it.stop(),
  );
  const prober = started.adopt(startRemote<ProberHandlers>(new URL("./prober.ts", import.meta.url)), (it) => it.stop());
  const directory = await mkdtemp(join(tmpdir(), "lab-images-memory-"));
  started.defer(() => rm(directory, { recursive: true, force: true }));
  await world.call("setTags", { count: BASE.tags, round: 0 });
  await world.call("setGoogleTags", { shared: 0, alone: BASE.tags });
  await world.call("setNodes", { count: BASE.nodes, imagesPerNode: BASE.imagesPerNode, round: 0 });
  const { host, repository, google, kubeconfig } = await world.call("start", null);
  const kubeconfigFile = join(directory, "kubeconfig");
  const secretFile = join(directory, "secret");
  await writeFile(kubeconfigFile, kubeconfig, { mode: 0o600 });
  await writeFile(secretFile, "hook-secret", { mode: 0o600 });
  const { endpoint: apiEndpoint, ...place } = google;
  const source =
    kind === "docker" ? { type: "docker", registry: host, repository } : { type: "google", ...place, apiEndpoint };
  const config = {
    images: { source, refreshInterval: "1h", numReleases: 2, numWeeklies: 4, numDailies: 5 },
    kubernetes: { kubeconfig: kubeconfigFile },
    prepuller: { enabled: false },
    http: { listen: "127.0.0.1:0", hookSecretFile: secretFile },
  };
  const options = {
    enter: [...group.enter, ...FIRST],
    environment: await imageEnvironment(),
    preload: join(import.meta.dirname, "loop-preload.ts"),
  };
  const service = started.adopt(await startServiceProcess(config, options), (it) => it.stop());
  const ports = { grpc: Number(service.grpc.split(":")[1]), http: Number(service.http.split(":")[1]) };
  const client = started.adopt(connectClient(service.grpc), (it) => it.close());
  await eventually(() => client.call("GetMenu", {}));
  await prober.call("start", ports);
  const owned = started.move();
  return {
    world,
    hostile,
    prober,
    service,
    group,
    ports,
    client,
    ...measuresOf(group),
    async refresh() {
      try {
        await client.call("Refresh", {}, REFRESH_MS);
        return null;
      } catch (error) {
        return String(error);
      }
    },
    async longestStop() {
      const lines = () => service.log.filter(({ msg }) => msg === "longest stop");
      const before = lines().length;
      service.kill("SIGUSR2");
      const line = await eventually(() => {
        const found = lines()[before];
        if (found === undefined) throw new Error("the service has not said how long its event loop stopped");
        return found;
      });
      return Number(line["longestMs"]);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function measuresOf(group: MemoryGroup): Pick<MemoryScene, "watchPeak" | "steadyBytes" | "medianBytes"> {
  async function readings(forMs: number): Promise<readonly number[]> {
    const bytes: number[] = [];
    for (const until = performance.now() + forMs; performance.now() < until; await pause(POLL_MS)) {
      bytes.push(group.anonymousBytes());
    }
    return bytes.sort((a, b) => a - b);
  }

  async function medianBytes(forMs: number): Promise<number> {
    const bytes = await readings(forMs);
    return bytes[Math.floor(bytes.length / 2)] ?? 0;
  }

  return {
    watchPeak() {
      let most = 0;
      const timer = setInterval(() => {
        most = Math.max(most, group.anonymousBytes());
      }, POLL_MS);
      return () => {
        clearInterval(timer);
        return most;
      };
    },
    medianBytes,
    async steadyBytes() {
      const deadline = performance.now() + 30_000;
      for (;;) {
        const before = await medianBytes(5_000);
        const after = await medianBytes(5_000);
        if (Math.abs(after - before) <= before * 0.02 || performance.now() > deadline) return after;
      }
    },
  };
}

/** What the image of the Dockerfile sets in the environment. */
async function imageEnvironment(): Promise<Readonly<Record<string, string>>> {
  const dockerfile = await readFile(join(import.meta.dirname, "../../Dockerfile"), "utf8");
  const lastStage = dockerfile.slice(dockerfile.lastIndexOf("\nFROM "));
  const lines = lastStage.replaceAll("\\\n", " ").matchAll(/^ENV (.*)$/gm);
  const pairs = [...lines].flatMap(([, line = ""]) => line.trim().split(/\s+/));
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
}
