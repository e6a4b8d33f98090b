/**
 * Starts the service with one part that fails, named by the argument: at its creation (`grpc`) or at a call (`grpc.start`).
 * Prints why it did not start and every call of a part, and ends by itself, with exit status 1, once nothing is open.
 * Where no part is named it starts, and stops.
 */
import { stringify } from "yaml";
import { startApp } from "../../../src/app/app.ts";
import { FACTORIES, type Factories } from "../../../src/app/factories.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { servedConfig } from "../../../src/config/served-config.ts";
import { createLogger } from "../../../src/telemetry/logger.ts";
import { createSystemClock } from "../../../src/telemetry/system-clock.ts";

const [, , failing = ""] = process.argv;
const calls: string[] = [];

function fail(name: string): void {
  if (name === failing) throw new Error(`injected failure of ${name}`);
}

/** A part that notes what is called on it. */
function watched<Part extends object | null>(name: string, part: Part): Part {
  if (part === null) return part;
  return new Proxy(part, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== "function") return value;
      return (...parameters: readonly unknown[]) => {
        calls.push(`${name}.${String(key)}`);
        fail(`${name}.${String(key)}`);
        return Reflect.apply(value, target, parameters);
      };
    },
  });
}

function made<Part extends object | null>(name: string, part: Part): Part {
  fail(name);
  calls.push(name);
  return watched(name, part);
}

const factories: Factories = {
  metrics: () => made("metrics", FACTORIES.metrics()),
  limits: (...options) => made("limits", FACTORIES.limits(...options)),
  source: async (options) => made("source", await FACTORIES.source(options)),
  connection: (options) => made("connection", FACTORIES.connection(options)),
  prepuller: async (options) => made("prepuller", await FACTORIES.prepuller(options)),
  service: (...options) => made("service", FACTORIES.service(...options)),
  hook: (...options) => made("hook", FACTORIES.hook(...options)),
  auth: (...options) => FACTORIES.auth(...options),
  tls: (...options) => FACTORIES.tls(...options),
  grpc: (...options) => made("grpc", FACTORIES.grpc(...options)),
  http: (...options) => made("http", FACTORIES.http(...options)),
  configFile: (...options) => FACTORIES.configFile(...options),
};

const config = servedConfig(
  parseConfig(
    stringify({
      images: { source: { type: "docker", registry: "127.0.0.1:1", repository: "lab/sketchbook" } },
      prepuller: { enabled: true, namespace: "lab-images" },
      grpc: { listen: "127.0.0.1:0" },
      http: { listen: "127.0.0.1:0", hookSecretFile: "/nonexistent" },
    }),
  ),
);
const silent = { write: () => undefined, dropped: () => 0, flush: () => Promise.resolve() };
const logger = createLogger({ level: "error", profile: "production", destination: silent });
let message = "";
try {
  const app = await startApp(
    { config, logger, clock: createSystemClock(), random: Math.random, onBroken: () => process.exit(3) },
    factories,
  );
  await app.stop(0);
} catch (error) {
  message = error instanceof Error ? error.message : "";
  process.exitCode = 1;
}
process.stdout.write(JSON.stringify({ message, calls }));
