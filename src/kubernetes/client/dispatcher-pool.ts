import type { Dispatcher } from "undici";
import { Agent, ProxyAgent } from "../../lib/undici.ts";
import type { Credentials } from "./credentials.ts";

/** The sockets to one API server: kept as long as address and TLS material stay the same. */
export interface DispatcherPool {
  /** What sends to the server of these credentials; those before end with the last call that uses them. */
  dispatcherFor(credentials: Credentials): Dispatcher;
  /** Breaks off every call and closes all sockets. */
  destroy(): Promise<void>;
}

/** An empty pool. `connectMs` bounds connecting and the TLS handshake. */
export function createDispatcherPool(connectMs: number): DispatcherPool {
  let current: { readonly fingerprint: string; readonly dispatcher: Dispatcher } | null = null;
  const retired = new Set<Dispatcher>();

  function retire(dispatcher: Dispatcher): void {
    retired.add(dispatcher);
    const forget = () => retired.delete(dispatcher);
    dispatcher.close().then(forget, forget);
  }

  return {
    dispatcherFor(credentials) {
      if (current?.fingerprint === credentials.fingerprint) return current.dispatcher;
      // First of all, since it throws where the material is of no use: then what works so far is kept.
      const dispatcher = createDispatcher(credentials, connectMs);
      if (current !== null) retire(current.dispatcher);
      current = { fingerprint: credentials.fingerprint, dispatcher };
      return dispatcher;
    },
    async destroy() {
      const dispatchers = [...retired, ...(current === null ? [] : [current.dispatcher])];
      current = null;
      retired.clear();
      await Promise.all(dispatchers.map((dispatcher) => dispatcher.destroy()));
    },
  };
}

function createDispatcher({ tls, proxyUrl }: Credentials, connectMs: number): Dispatcher {
  // Deadlines are the caller's. HTTP/1.1, so that a stalled watch never holds up a list on the same socket.
  const common = { allowH2: false, headersTimeout: 0, bodyTimeout: 0 } as const;
  const connect = { ...tls, timeout: connectMs, keepAlive: true, keepAliveInitialDelay: 30_000 };
  if (proxyUrl === null) return new Agent({ ...common, connect });
  return new ProxyAgent({ ...common, uri: proxyUrl, requestTls: connect });
}
