import type { TestContext } from "node:test";
import {
  type ClosableImageSource,
  createDockerSource,
  type DockerSourceOptions,
} from "../../src/registry/oci/docker-source.ts";
import type { RegistryLimits } from "../../src/registry/oci/limits.ts";
import {
  type OciRegistryOptions,
  type SimulatedRegistry,
  startOciRegistry,
} from "../../src/simulation/registry/oci-registry.ts";
import { recordLog } from "./log-recorder.ts";
import { nodeClock } from "./node-clock.ts";

/** Short enough that tests with real sockets are quick, long enough for a busy machine. */
export const quickLimits: Partial<RegistryLimits> = {
  requestTimeoutMs: 15_000,
  operationTimeoutMs: 60_000,
  retryBaseMs: 2,
  retryMaxMs: 10,
};

export const REPOSITORY = "lab/sketchbook";

/** Never aborts. */
export const unhurried = new AbortController().signal;

/** A source for `registry`, closed after the test; what is not given is quick, seeded and quiet. */
export function sourceFor(
  context: TestContext,
  options: Partial<DockerSourceOptions> & { readonly registry: string },
): ClosableImageSource {
  const source = createDockerSource({
    repository: REPOSITORY,
    clock: nodeClock,
    random: () => 0.5,
    logger: recordLog(),
    ...options,
    limits: { ...quickLimits, ...options.limits },
  });
  context.after(() => source.close());
  return source;
}

/** A simulated registry with these tags, closed after the test. */
export async function registryWith(
  context: TestContext,
  tags: readonly string[],
  options: OciRegistryOptions = {},
): Promise<SimulatedRegistry> {
  const registry = await startOciRegistry(options);
  context.after(() => registry.close());
  for (const tag of tags) registry.push(REPOSITORY, tag);
  return registry;
}
