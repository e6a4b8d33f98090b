import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "../ports.ts";
import { isLocalHost } from "./host-check.ts";
import type { AccessProblem, ReadAccess } from "./read-access.ts";
import { readTarget } from "./request-target.ts";
import { sendText } from "./response.ts";
import type { Route } from "./route.ts";

/** Routes and the rules of access. */
export interface DispatchOptions {
  readonly routes: ReadonlyMap<string, Route>;
  readonly logger: Logger;
  readonly mayRead: ReadAccess;
  /** Whether the server is bound to a loopback address. */
  readonly isOnLoopback: () => boolean;
}

/** Hands each request to its route, or refuses it with a plain text. Never throws. */
export function createDispatch(options: DispatchOptions): (request: IncomingMessage, response: ServerResponse) => void {
  const { routes, logger, isOnLoopback } = options;
  return (request, response) => {
    const target = readTarget(request);
    const route = "path" in target ? routes.get(target.path) : undefined;
    const isTaken = route?.methods.includes(request.method ?? "") === true;
    // A body that nobody wants is not read: its connection ends with the response.
    if (hasBody(request) && !(isTaken && request.method === "POST")) response.shouldKeepAlive = false;
    if (!("path" in target)) sendText(request, response, target.status, target.text, ["Connection", "close"]);
    else if (isOnLoopback() && !isOwnName(target.host, request)) {
      sendText(request, response, 421, "the Host header names another machine than this one");
    } else if (target.path === "*") {
      response.writeHead(204, ["Allow", "GET, HEAD, POST, OPTIONS"]).end();
    } else if (route === undefined) {
      sendText(request, response, 404, "there is nothing here");
    } else if (!isTaken) {
      const allowed = route.methods.join(", ");
      sendText(request, response, 405, `this path takes ${allowed}`, ["Allow", allowed]);
    } else if (route.isRead) {
      run({ ...route, handle: guarded(route, options.mayRead) }, target.path, request, response, logger);
    } else {
      run(route, target.path, request, response, logger);
    }
  };
}

function guarded({ handle }: Route, mayRead: ReadAccess): Route["handle"] {
  return (request, response) => {
    const admit = (problem: AccessProblem | null) => {
      if (problem === null) return handle(request, response);
      const challenge = problem.status === 401 ? ["WWW-Authenticate", "Bearer"] : [];
      return sendText(request, response, problem.status, problem.text, challenge);
    };
    const problem = mayRead(request);
    return problem instanceof Promise ? problem.then(admit) : admit(problem);
  };
}

/** No browser sends HTTP/1.0, or leaves the Host header out: such a request comes from a probe. */
function isOwnName(host: string, { httpVersion }: IncomingMessage): boolean {
  return isLocalHost(host) || (host === "" && httpVersion === "1.0");
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function run(route: Route, path: string, request: IncomingMessage, response: ServerResponse, logger: Logger): void {
  const fail = (error: unknown) => {
    const id = randomUUID();
    logger.error({ err: error, id, path }, "HTTP request failed (bug): its caller gets the id alone");
    if (response.headersSent) response.destroy();
    else sendText(request, response, 500, `internal error ${id}`);
  };
  try {
    route.handle(request, response)?.catch(fail);
  } catch (error) {
    fail(error);
  }
}
