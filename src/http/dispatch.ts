import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "../ports.ts";
import { sendText } from "./answer.ts";
import { isLocalHost } from "./host-check.ts";
import type { Route } from "./route.ts";

/** The longest target of a request, in characters. */
const LONGEST_TARGET = 2_048;

/** What decides who may ask for what. */
export interface DispatchOptions {
  readonly routes: ReadonlyMap<string, Route>;
  readonly logger: Logger;
  readonly allowAnonymousRead: boolean;
  /** Whether the server is bound to a loopback address. */
  readonly isOnLoopback: () => boolean;
}

/** Hands each request to its route, or refuses it with a plain text. Never throws. */
export function createDispatch(options: DispatchOptions): (request: IncomingMessage, response: ServerResponse) => void {
  const { routes, logger, isOnLoopback } = options;
  return (request, response) => {
    const route = routes.get(pathOf(request.url ?? ""));
    if (isOnLoopback() && !isLocalHost(request.headers.host)) {
      sendText(request, response, 421, "the Host header names another machine than this one");
    } else if ((request.url ?? "").length > LONGEST_TARGET) {
      sendText(request, response, 414, "the request's target is too long");
    } else if (route === undefined) {
      sendText(request, response, 404, "there is nothing here");
    } else if (!route.methods.includes(request.method ?? "")) {
      const allowed = route.methods.join(", ");
      sendText(request, response, 405, `this path takes ${allowed}`, ["Allow", allowed]);
    } else if (route.isRead && !options.allowAnonymousRead && !isOnLoopback()) {
      sendText(request, response, 403, "beyond loopback this is served only with http.allowAnonymousRead");
    } else {
      run(route, request, response, logger);
    }
  };
}

function pathOf(target: string): string {
  const query = target.indexOf("?");
  return query < 0 ? target : target.slice(0, query);
}

function run(route: Route, request: IncomingMessage, response: ServerResponse, logger: Logger): void {
  const fail = (error: unknown) => {
    const id = randomUUID();
    logger.error(
      { err: error, id, path: pathOf(request.url ?? "") },
      "HTTP request failed (bug): its caller gets the id alone",
    );
    if (response.headersSent) response.destroy();
    else sendText(request, response, 500, `internal error ${id}`);
  };
  try {
    route.handle(request, response)?.catch(fail);
  } catch (error) {
    fail(error);
  }
}
