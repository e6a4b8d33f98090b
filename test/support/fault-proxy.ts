import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/**
 * What goes wrong on the way. `applyToOpen` lets a fault befall the connections that are open already, too.
 *
 * - `latency`: every answer's bytes arrive that much later.
 * - `refuse`: the connection is accepted and reset at once.
 * - `half-open`: bytes of both sides vanish, and nobody hears of an end; only a reset of the client's side is noticed.
 * - `drip`: answers trickle at this rate.
 * - `truncate`, `reset`: the answer stops after so many bytes, counted from where the fault sets in, with a FIN that
 *   pretends to be the answer's end, or with an RST.
 */
export type Fault = { readonly applyToOpen?: boolean } & (
  | { readonly kind: "latency"; readonly milliseconds: number }
  | { readonly kind: "refuse" }
  | { readonly kind: "half-open" }
  | { readonly kind: "drip"; readonly bytesPerSecond: number }
  | { readonly kind: "truncate"; readonly afterBytes: number }
  | { readonly kind: "reset"; readonly afterBytes: number }
);

/** A TCP relay on loopback between a client under test and its peer. */
export interface FaultProxy {
  /** Where clients connect, on 127.0.0.1. */
  readonly port: number;
  /** How many connections were accepted so far. */
  readonly connections: number;
  /** How many connections of clients are open now. */
  readonly open: number;
  /**
   * Sets the fault of connections to come, and of open ones where the fault says so; null heals new connections. A
   * connection that has met a fault keeps it until it ends, as a route that has lost a connection's state would.
   */
  setFault(fault: Fault | null): void;
  /** Resets all open connections, whatever their fault. */
  cutAll(): void;
  /** Stops listening and destroys what is open. */
  close(): Promise<void>;
}

/** Bytes that may wait in the proxy for one connection before it stops reading from the peer. */
const HIGH_WATER_BYTES = 256 * 1024;

/** How often a dripping answer gets its share. */
const DRIP_INTERVAL_MS = 20;

interface Relay {
  befall(fault: Fault): void;
  reset(): void;
  destroy(): void;
}

/** What has befallen one connection, and the two sockets that it is made of. */
interface Connection {
  readonly client: Socket;
  readonly upstream: Socket;
  /** Aborted when nothing more is to be passed on. */
  readonly gone: AbortController;
  fault: Fault | null;
  /** Bytes of the answer since the fault set in. */
  answeredBytes: number;
}

async function drip({ client, gone }: Connection, chunk: Buffer, bytesPerSecond: number): Promise<void> {
  const share = Math.max(1, Math.floor((bytesPerSecond * DRIP_INTERVAL_MS) / 1_000));
  const interval = Math.max(DRIP_INTERVAL_MS, (share * 1_000) / bytesPerSecond);
  for (let at = 0; at < chunk.length && !gone.signal.aborted; at += share) {
    await pause(interval, undefined, { signal: gone.signal });
    client.write(chunk.subarray(at, at + share));
  }
}

function cut(connection: Connection, chunk: Buffer, kind: "truncate" | "reset", afterBytes: number): void {
  const { client, upstream, gone } = connection;
  const rest = Math.max(0, afterBytes - connection.answeredBytes);
  connection.answeredBytes += chunk.length;
  if (chunk.length <= rest) {
    client.write(chunk);
    return;
  }
  gone.abort();
  upstream.destroy();
  // The bytes before the cut have to be on their way first: a reset at once would throw them away.
  client.write(chunk.subarray(0, rest), () => {
    if (kind === "truncate") client.end();
    else client.resetAndDestroy();
  });
}

/** Passes one piece of an answer on, in the manner of the connection's fault. */
async function passOn(connection: Connection, chunk: Buffer): Promise<void> {
  const { client, gone, fault } = connection;
  if (gone.signal.aborted) return;
  if (fault?.kind === "drip") await drip(connection, chunk, fault.bytesPerSecond);
  else if (fault?.kind === "truncate" || fault?.kind === "reset") cut(connection, chunk, fault.kind, fault.afterBytes);
  else if (fault?.kind !== "half-open" && !client.write(chunk)) await once(client, "drain", { signal: gone.signal });
}

/** Passes answers on, one after the other, and stops reading while too much of them waits. */
function relayAnswers(connection: Connection, reset: () => void): void {
  const { client, upstream, gone } = connection;
  let waitingBytes = 0;
  let answers: Promise<void> = Promise.resolve();

  /** The delay begins when the bytes arrive, so that it does not add up over those that wait. */
  function enqueue(step: () => void | Promise<void>): void {
    const delayMs = connection.fault?.kind === "latency" ? connection.fault.milliseconds : 0;
    const delay = delayMs === 0 ? Promise.resolve() : pause(delayMs, undefined, { signal: gone.signal });
    answers = Promise.all([answers, delay])
      .then(step)
      .catch((error: unknown) => {
        if (!gone.signal.aborted) throw error;
      });
  }

  upstream.on("data", (chunk: Buffer) => {
    if (connection.fault?.kind === "half-open") return;
    waitingBytes += chunk.length;
    if (waitingBytes > HIGH_WATER_BYTES) upstream.pause();
    enqueue(async () => {
      await passOn(connection, chunk);
      waitingBytes -= chunk.length;
      if (waitingBytes <= HIGH_WATER_BYTES) upstream.resume();
    });
  });
  upstream.on("end", () => {
    enqueue(() => {
      if (connection.fault?.kind !== "half-open" && !gone.signal.aborted) client.end();
    });
  });
  upstream.on("error", () => {
    if (connection.fault?.kind !== "half-open") reset();
  });
}

function relayRequests(connection: Connection): void {
  const { client, upstream } = connection;
  client.on("data", (chunk: Buffer) => {
    if (connection.fault?.kind === "half-open" || upstream.write(chunk)) return;
    client.pause();
    upstream.once("drain", () => client.resume());
  });
  client.on("end", () => {
    if (connection.fault?.kind !== "half-open") upstream.end();
  });
}

/** One connection of a client and its counterpart at the target. */
function relay(client: Socket, target: { host: string; port: number }, fault: Fault | null): Relay {
  const upstream = connect({ ...target, allowHalfOpen: true });
  const connection: Connection = { client, upstream, gone: new AbortController(), fault, answeredBytes: 0 };

  function destroy(): void {
    connection.gone.abort();
    client.destroy();
    upstream.destroy();
  }

  function reset(): void {
    connection.gone.abort();
    client.resetAndDestroy();
    upstream.destroy();
  }

  relayAnswers(connection, reset);
  relayRequests(connection);
  client.on("error", destroy);
  client.on("close", destroy);
  return {
    befall(next) {
      connection.fault = next;
      connection.answeredBytes = 0;
      if (next.kind === "refuse") reset();
    },
    reset,
    destroy,
  };
}

/** Starts a relay on a free port of 127.0.0.1 that passes on to `target`, unharmed until `setFault` says otherwise. */
export async function startFaultProxy(target: { host: string; port: number }): Promise<FaultProxy> {
  const open = new Set<Relay>();
  let connections = 0;
  let fault: Fault | null = null;

  const server = createServer({ allowHalfOpen: true }, (client) => {
    connections += 1;
    if (fault?.kind === "refuse") {
      client.on("error", () => client.destroy());
      client.resetAndDestroy();
      return;
    }
    const one = relay(client, target, fault);
    open.add(one);
    client.once("close", () => open.delete(one));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    get open() {
      return open.size;
    },
    setFault(next) {
      fault = next;
      if (next?.applyToOpen === true) for (const one of [...open]) one.befall(next);
    },
    cutAll() {
      for (const one of [...open]) one.reset();
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      for (const one of [...open]) one.destroy();
      await closed;
    },
  };
}
