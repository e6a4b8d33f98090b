import { readRegularFile } from "../lib/bytes.ts";
import { namedKubeconfig } from "./environment.ts";
import { type AppOptions, FACTORIES, type Factories } from "./factories.ts";

/** A running lab-images. */
export interface App {
  /** `registry/repository` of each source. */
  readonly images: string;
  /** Where the credentials for the cluster come from. */
  readonly kubernetes: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  /** How many tags and nodes the service holds. */
  size(): number;
  /**
   * Stops in order: not ready, streams ended, calls under way finished within `graceMs`, and everything released in
   * reverse order of its acquisition.
   */
  stop(graceMs: number): Promise<void>;
}

/** The service cannot start; the message names the key of the configuration and the cause. */
export class StartError extends Error {
  override readonly name = "StartError";
}

/**
 * Acquires everything and starts it. Rejects where a part cannot start, with a StartError where its cause is outside; then
 * what was acquired before has been released in reverse order.
 */
export async function startApp(options: AppOptions, factories: Factories = FACTORIES): Promise<App> {
  const { config, clock, logger } = options;
  await using acquired = new AsyncDisposableStack();

  /** Owns a part. A release that fails does not keep the others from being released. */
  function own<Part>(name: string, part: Part, release: (part: Part) => unknown): Part {
    acquired.defer(async () => {
      try {
        await release(part);
      } catch (error) {
        logger.error({ err: error }, `cannot release ${name} (bug)`);
      }
    });
    return part;
  }

  const metrics = own("metrics", factories.metrics(), (it) => it.close());
  const served = { ...options, limits: own("limits", factories.limits(options, metrics), (it) => it.stop()) };
  const sources = own("image sources", await factories.source({ ...options, metrics }), (it) => it.close());
  const named = namedKubeconfig(config, process.env);
  if (named !== null) await naming(named.key, readRegularFile(named.path));
  const kubeconfig = named?.path ?? null;
  const connection = own("Kubernetes connection", factories.connection({ kubeconfig, clock }), (it) => it.close());
  const prepuller = own(
    "prepuller",
    await naming("prepuller.namespace", factories.prepuller({ ...options, connection, environment: process.env })),
    (it) => it?.ended(),
  );
  const serving = { begin: (): void => undefined };
  const service = own(
    "service",
    factories.service(served, { sources, connection, prepuller }, metrics, () => serving.begin()),
    (it) => it.stop(),
  );
  prepuller?.follow(() => service.reader.current());
  metrics.watchState(service.reader, clock);
  metrics.watchLog(logger);
  const hook = own("registry hook", factories.hook(served, sources, service, prepuller), (it) => it?.stop());
  const tlsOf = (server: "grpc" | "http") => naming(`${server}.tls`, factories.tls(options, metrics, server));
  const grpcTls = own("gRPC certificates", await tlsOf("grpc"), (it) => it?.certificates.stop());
  const httpTls = own("HTTP certificates", await tlsOf("http"), (it) => it?.certificates.stop());
  const auth = factories.auth(options, connection, metrics);
  const grpc = own("gRPC server", factories.grpc(served, service, metrics, grpcTls, auth), (it) => it.shutdown(0));
  serving.begin = () => grpc.setServing(true);
  const http = own("HTTP server", factories.http(served, service, metrics, hook, httpTls, auth), (it) => it.stop(0));
  // The ports first: where one is taken, nothing has been asked of any peer yet, and no lease is held.
  const { port: grpcPort } = await naming("grpc.listen", grpc.start());
  const { port: httpPort } = await naming("http.listen", http.start());
  own("configuration file", factories.configFile(options, metrics), (it) => it?.stop());
  service.start();
  const owned = acquired.move();

  return {
    images: sources.all.map(({ registry, repository }) => `${registry}/${repository}`).join(", "),
    kubernetes: named === null ? "the service account of the pod" : `${named.key}: ${named.path}`,
    grpcPort,
    httpPort,
    size() {
      const { catalogs = [], table } = service.reader.current() ?? {};
      return catalogs.reduce((sum, { entries }) => sum + entries.length, table?.records.length ?? 0);
    },
    async stop(graceMs) {
      http.drain();
      hook?.stop();
      // Both servers have the same time, and what calls wait for ends with the service.
      const ends = [grpc.shutdown(graceMs), http.stop(graceMs)];
      service.stop();
      await Promise.allSettled(ends);
      await owned.disposeAsync();
    },
  };
}

/** Adds the key of the configuration to the reason why a part does not start. */
async function naming<Started>(key: string, start: Promise<Started>): Promise<Started> {
  try {
    return await start;
  } catch (cause) {
    throw new StartError(`${key}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
