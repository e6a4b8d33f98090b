import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { parseConfig } from "../config/load.ts";
import { servedConfig } from "../config/served-config.ts";
import { DEMO_NAMESPACE, DEMO_REPOSITORY, type DemoWorld, startDemoWorld } from "../simulation/demo/demo-world.ts";
import type { App } from "./app.ts";
import { runServer } from "./run.ts";

/** Where the demo listens and writes; an address is null for the usual one. */
export interface DemoOptions {
  readonly grpc: string | null;
  readonly http: string | null;
  /** Aborts when the process has to end, with the name of the signal. */
  readonly stopping: AbortSignal;
  readonly write: (text: string) => void;
}

/**
 * Runs the service against a registry and a cluster that are simulated in this process, and reached over sockets by the
 * very code that reaches real ones. Returns the exit status. Error: ConfigError where an address is not one.
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const { stopping, write } = options;
  await using acquired = new AsyncDisposableStack();
  const directory = acquired.adopt(await mkdtemp(join(tmpdir(), "lab-images-demo-")), (it) =>
    rm(it, { recursive: true, force: true }),
  );
  const world = acquired.adopt(await startDemoWorld(), (it) => it.stop());
  const kubeconfig = join(directory, "kubeconfig");
  await writeFile(kubeconfig, world.kubeconfig, { mode: 0o600 });
  const config = servedConfig(parseConfig(stringify(demoConfig(options, world, kubeconfig))));
  return await runServer(config, {
    stopping,
    onStarted(app) {
      write(introduction(app, world));
      world.begin((line) => write(`[simulation] ${line}\n`));
    },
  });
}

function demoConfig({ grpc, http }: DemoOptions, world: DemoWorld, kubeconfig: string) {
  return {
    images: {
      source: { type: "docker", registry: world.registryHost, repository: DEMO_REPOSITORY },
      refreshInterval: "10s",
      aliasTags: ["latest_weekly"],
    },
    kubernetes: { kubeconfig },
    prepuller: { enabled: true, namespace: DEMO_NAMESPACE, maxConcurrentPulls: 4 },
    ...(grpc === null ? {} : { grpc: { listen: grpc } }),
    ...(http === null ? {} : { http: { listen: http } }),
    logProfile: "development",
  };
}

function introduction({ grpcPort, httpPort }: App, world: DemoWorld): string {
  return `
lab-images demo: the service is real, the registry and the cluster are a SIMULATION in this process.

  simulated registry  ${world.registryHost}/${DEMO_REPOSITORY}, where builds are pushed now and then
  simulated cluster   five nodes, of which one is tainted; nodes come and go, labs start and pull images
  gRPC                127.0.0.1:${grpcPort}
  HTTP                http://127.0.0.1:${httpPort} (/readyz, /metrics, /spawner/v1/images, /spawner/v1/prepulls)

Try, in another terminal:

  npm run --silent lab-images -- status --address 127.0.0.1:${grpcPort}
  npx buf curl --protocol grpc --http2-prior-knowledge http://127.0.0.1:${grpcPort}/labimages.v1.ImageService/GetMenu
  grpcurl -plaintext -d '{"tag": "recommended"}' 127.0.0.1:${grpcPort} labimages.v1.ImageService/ResolveImage

Ctrl+C stops it. Lines that begin with [simulation] report what happens in the simulated world; the rest is the log.

`;
}
