import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask, connect, deadline } from "../../src/cli/clients/image-service.ts";
import type { ImageServiceClient } from "../../src/grpc/gen/labimages/v1/ImageService.ts";
import { eventually } from "../support/eventually.ts";
import type { WorldSize } from "./content.ts";
import { type Remote, startRemote } from "./processes/remote.ts";
import type { ServiceHandlers } from "./processes/service.ts";
import type { WorldHandlers } from "./processes/world.ts";

/** Milliseconds that starting and refreshing the largest world may take. */
const PATIENCE = 60_000;

/** The real service before a simulated registry and cluster, each in a process of its own. */
export interface Scene extends AsyncDisposable {
  readonly world: Remote<WorldHandlers>;
  readonly service: Remote<ServiceHandlers>;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly client: ImageServiceClient;
  /** Asks for a refresh and waits for its end; answers how long that took, in milliseconds. */
  refresh(): Promise<number>;
}

/** Starts a world of this size and the service, and waits until it serves. */
export async function startScene(size: WorldSize): Promise<Scene> {
  const world = startRemote<WorldHandlers>(new URL("./processes/world.ts", import.meta.url));
  const service = startRemote<ServiceHandlers>(new URL("./processes/service.ts", import.meta.url), ["--expose-gc"]);
  const directory = await mkdtemp(join(tmpdir(), "lab-images-bench-"));
  const { registryHost, repository, kubeconfig } = await world.call("fill", size);
  const path = join(directory, "kubeconfig");
  await writeFile(path, kubeconfig, { mode: 0o600 });
  const config = serviceConfig(registryHost, repository, path);
  const { grpcPort, httpPort } = await service.call("start", config);
  const security = { tls: false, ca: null, cert: null, key: null, tokenFile: null };
  const client = await connect({ address: `127.0.0.1:${grpcPort}`, json: true, security });
  const never = new AbortController().signal;
  const options = () => deadline(PATIENCE);
  const menu = () => ask(never, (callback) => client.getMenu({}, options(), callback));
  await eventually(menu, { withinMs: PATIENCE });
  return {
    world,
    service,
    grpcPort,
    httpPort,
    client,
    async refresh() {
      const started = performance.now();
      await ask(never, (callback) => client.refresh({}, options(), callback));
      return performance.now() - started;
    },
    async [Symbol.asyncDispose]() {
      client.close();
      await service.call("stop", null);
      await Promise.all([service.stop(), world.stop()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function serviceConfig(registry: string, repository: string, kubeconfig: string) {
  return {
    images: {
      source: { type: "docker", registry, repository },
      refreshInterval: "1h",
      numReleases: 2,
      numWeeklies: 4,
      numDailies: 5,
      aliasTags: ["latest_weekly", "latest_daily", "latest_release"],
    },
    dropdownMenu: { daily: { age: "90d" }, release: { number: 50 } },
    kubernetes: { kubeconfig },
    grpc: { listen: "127.0.0.1:0", limits: { maxStreams: 20_000 } },
    http: { listen: "127.0.0.1:0" },
  };
}
