import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One notification as it came, with the service's answer to it; null where there was no service to ask. */
export interface RelayedNotification {
  readonly body: string;
  readonly status: number | null;
}

/**
 * A relay between the registry and the service's hook. The registry has to be told of the hook before the service can
 * be told of the registry, and here a test sees what was sent and how it was answered.
 */
export interface NotificationRelay extends AsyncDisposable {
  readonly url: string;
  /** `127.0.0.1:port` of the service; while it is null, what comes is thrown away. */
  target: string | null;
  readonly relayed: readonly RelayedNotification[];
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** Passes one notification on, with its credentials. Answers the service's status. */
async function passOn(target: string, request: IncomingMessage, body: string): Promise<number> {
  const { authorization = "", "content-type": contentType = "" } = request.headers;
  const headers = { authorization, "content-type": contentType };
  const answer = await fetch(`http://${target}${request.url}`, { method: "POST", headers, body });
  await answer.arrayBuffer();
  return answer.status;
}

/** Starts a relay without a target. */
export async function startNotificationRelay(): Promise<NotificationRelay> {
  const relayed: RelayedNotification[] = [];
  let target: string | null = null;

  async function relay(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readText(request);
    const status = target === null ? null : await passOn(target, request, body);
    relayed.push({ body, status });
    response.writeHead(status ?? 202).end();
  }

  const server = createServer((request, response) => {
    relay(request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hooks/registry`,
    get target() {
      return target;
    },
    set target(next) {
      target = next;
    },
    relayed,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
