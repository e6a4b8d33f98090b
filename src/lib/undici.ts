import type { Dispatcher as AnyDispatcher } from "undici";
import { connect, pipeline, request as requestOf, stream, upgrade } from "undici/lib/api/index.js";
import buildConnector from "undici/lib/core/connect.js";
import Agent from "undici/lib/dispatcher/agent.js";
import Dispatcher from "undici/lib/dispatcher/dispatcher.js";
import Pool from "undici/lib/dispatcher/pool.js";
import ProxyAgent from "undici/lib/dispatcher/proxy-agent.js";

/**
 * The part of undici that is used. Its index loads fetch, WebSocket, caches and mocks along with it: 12 MB resident. Like
 * the index this gives dispatchers their methods.
 */
Object.assign(Dispatcher.prototype, { connect, pipeline, request: requestOf, stream, upgrade });

export { Agent, buildConnector, Pool, ProxyAgent };

/** Sends one request through a dispatcher; undici's `request`. */
export function request(
  url: URL,
  { dispatcher, ...options }: Omit<AnyDispatcher.RequestOptions, "origin" | "path"> & { dispatcher: AnyDispatcher },
): Promise<AnyDispatcher.ResponseData> {
  return dispatcher.request({ ...options, origin: url.origin, path: `${url.pathname}${url.search}` });
}
