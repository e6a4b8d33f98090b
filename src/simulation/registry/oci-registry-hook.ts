import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import type { StoredManifest } from "./oci-registry-store.ts";

/** Where notifications of pushes go, as `notifications.endpoints` of distribution has it. */
export interface RegistryHook {
  /** An http URL. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends notifications one after the other, so that they arrive in the order of the pushes. */
export interface HookSender {
  /** Resolves when the notification has been delivered, or has failed. */
  pushed(repository: string, tag: string, manifest: StoredManifest): Promise<void>;
  /** Resolves when all that was pushed so far has been notified of, or has failed. */
  settled(): Promise<void>;
  /** How many were refused or not delivered. */
  readonly failures: number;
  close(): Promise<void>;
}

const SEND_TIMEOUT_MS = 5_000;

/** The envelope of https://distribution.github.io/distribution/about/notifications/, for one pushed tag. */
function envelope(host: string, repository: string, tag: string, manifest: StoredManifest, time: number): string {
  const target = {
    mediaType: manifest.mediaType,
    digest: manifest.digest,
    size: manifest.bytes.length,
    length: manifest.bytes.length,
    repository,
    url: `http://${host}/v2/${repository}/manifests/${manifest.digest}`,
    tag,
  };
  const event = {
    id: randomUUID(),
    timestamp: new Date(time).toISOString(),
    action: "push",
    target,
    request: { id: randomUUID(), addr: host, host, method: "PUT", useragent: "simulation" },
    actor: {},
    source: { addr: host, instanceID: "simulation" },
  };
  return JSON.stringify({ events: [event] });
}

async function post(hook: RegistryHook, body: string, signal: AbortSignal): Promise<boolean> {
  const outgoing = request(hook.url, {
    method: "POST",
    headers: { ...hook.headers, "content-type": "application/vnd.docker.distribution.events.v1+json" },
    signal: AbortSignal.any([signal, AbortSignal.timeout(SEND_TIMEOUT_MS)]),
  });
  const answered = once(outgoing, "response");
  outgoing.end(body);
  const [response] = await answered;
  response.resume();
  await once(response, "close");
  return response.statusCode >= 200 && response.statusCode < 400;
}

/** `host` is the registry's own, known once it listens. */
export function createHookSender(hook: RegistryHook | undefined, host: () => string, now: () => number): HookSender {
  const closing = new AbortController();
  let failures = 0;
  let queue: Promise<void> = Promise.resolve();

  async function send(body: string): Promise<void> {
    if (hook === undefined || closing.signal.aborted) return;
    try {
      if (!(await post(hook, body, closing.signal))) failures += 1;
    } catch {
      failures += 1;
    }
  }

  return {
    pushed(repository, tag, manifest) {
      const body = envelope(host(), repository, tag, manifest, now());
      queue = queue.then(() => send(body));
      return queue;
    },
    settled: () => queue,
    get failures() {
      return failures;
    },
    async close() {
      closing.abort();
      await queue;
    },
  };
}
