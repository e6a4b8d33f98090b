import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { TestContext } from "node:test";
import { RegistryUnavailableError } from "../../src/domain/errors.ts";
import type { DockerSourceOptions } from "../../src/registry/oci/docker-source.ts";
import { registryWith, sourceFor, unhurried } from "./source-under-test.ts";

/** Answers in place of the simulated registry. */
export type Intercept = (request: IncomingMessage, response: ServerResponse) => boolean;

/** Gives every request this answer. */
export function answering(status: number, headers: Record<string, string>, body: string | Buffer): Intercept {
  return (_request, response) => {
    response.writeHead(status, headers).end(body);
    return true;
  };
}

/** A source on a registry with the tags `a` and `b`; tells what it reported to its observer. */
export async function sourceWithFaults(context: TestContext, options: Partial<DockerSourceOptions> = {}) {
  const registry = await registryWith(context, ["a", "b"]);
  const retried: string[] = [];
  const seen: string[] = [];
  const source = sourceFor(context, {
    registry: registry.host,
    observe: {
      request: (host, method, status, seconds) => seen.push(`${host} ${method} ${status} ${seconds >= 0}`),
      retried: (reason) => retried.push(reason),
    },
    ...options,
  });
  const list = async () => (await source.listTags(unhurried)).map(({ tag }) => tag);
  return { registry, source, list, retried, seen };
}

/** For `assert.rejects`: the one kind of error that a fault may cause. */
export function isUnavailable(pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof RegistryUnavailableError, String(error));
    assert.match(error.message, pattern);
    return true;
  };
}
