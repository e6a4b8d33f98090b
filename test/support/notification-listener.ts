import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** Takes a registry's notifications, each before it is answered. */
export interface NotificationListener extends AsyncDisposable {
  readonly url: string;
  onNotification(listener: (body: string) => Promise<void>): void;
}

/** Listens on loopback. What a listener throws is answered with 500. */
export async function startNotificationListener(): Promise<NotificationListener> {
  let listener = async (_: string): Promise<void> => undefined;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const status = await listener(Buffer.concat(chunks).toString("utf8")).then(
      () => 200,
      () => 500,
    );
    response.writeHead(status).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    onNotification(next) {
      listener = next;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}
