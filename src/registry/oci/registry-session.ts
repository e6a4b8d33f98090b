import { RegistryDeniedError, RegistryUnavailableError } from "../../domain/errors.ts";
import type { Authorization, Authorizer } from "../auth/authorizer.ts";
import type { HttpAnswer, HttpClient, HttpRequest } from "../http/http-client.ts";
import type { RegistryLimits } from "./limits.ts";

/** A request to the registry's own API. */
export interface RegistryRequest {
  readonly method: "GET" | "HEAD";
  /** Must be of the registry's origin. */
  readonly url: URL;
  readonly accept: string;
  readonly maxBytes: number;
  /** As `HttpRequest.reader`. */
  readonly reader?: HttpRequest["reader"];
}

/** Asks one registry, with authentication and redirects. */
export interface RegistrySession {
  /**
   * The answer: 2xx, or any 4xx but 401, which no credentials at hand could change. A 403 may concern the repository or
   * one tag: who asks knows which. Rejects with a RegistryDeniedError or a RegistryUnavailableError, or with the
   * signal's reason.
   */
  ask(request: RegistryRequest, signal: AbortSignal): Promise<HttpAnswer>;
}

export interface RegistrySessionOptions {
  /** Of the registry: nothing is sent anywhere else. */
  readonly origin: string;
  readonly http: HttpClient;
  readonly authorizer: Authorizer;
  readonly limits: RegistryLimits;
}

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** 400 is what ECR Public says of a token that has expired; of any other 400 a new token changes nothing. */
function refuses(answer: HttpAnswer, used: Authorization | null): boolean {
  return answer.status === 401 || (answer.status === 400 && used?.header.startsWith("Bearer ") === true);
}

export function createRegistrySession(options: RegistrySessionOptions): RegistrySession {
  const { origin, http, authorizer, limits } = options;
  const host = new URL(origin).host;

  function send(request: RegistryRequest, used: Authorization | null, signal: AbortSignal): Promise<HttpAnswer> {
    const { method, url, accept, maxBytes, reader } = request;
    if (url.origin !== origin) throw new RegistryUnavailableError(`${host} points to another origin, ${url.host}`);
    const headers = { accept, ...(used === null ? {} : { authorization: used.header }) };
    return http.send({ method, url, headers, maxBytes, reader }, signal);
  }

  /** Sends a request, and once more with new authorization if it is refused. */
  async function askAuthorized(request: RegistryRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const used = await authorizer.current(signal);
    const answer = await send(request, used, signal);
    if (!refuses(answer, used)) return answer;
    const renewed = await authorizer.renew(answer.header("www-authenticate"), used, signal);
    const last = renewed === null ? answer : await send(request, renewed, signal);
    if (last.status === 401) {
      const whom = (renewed ?? used)?.secret === true ? "the configured credentials" : "anonymous access";
      throw new RegistryDeniedError(`${host} refuses ${whom} (401)`);
    }
    return last;
  }

  function targetOf(answer: HttpAnswer, from: URL): URL {
    const location = answer.header("location") ?? "";
    if (location === "" || !URL.canParse(location, from.href)) {
      throw new RegistryUnavailableError(`${host} redirects to nowhere`);
    }
    const target = new URL(location, from);
    if (target.origin !== origin || target.username !== "" || target.password !== "") {
      throw new RegistryUnavailableError(`${host} redirects to another origin, ${target.host}; it is not followed`);
    }
    return target;
  }

  /** Follows redirects inside the origin, without credentials: what lies there may be another's. */
  async function follow(first: HttpAnswer, request: RegistryRequest, signal: AbortSignal): Promise<HttpAnswer> {
    let answer = first;
    let { url } = request;
    for (let followed = 0; redirectStatuses.has(answer.status); followed += 1) {
      if (followed === limits.maxRedirects) {
        throw new RegistryUnavailableError(`${host} redirects more than ${limits.maxRedirects} times`);
      }
      url = targetOf(answer, url);
      answer = await send({ ...request, url }, null, signal);
    }
    if (answer !== first && answer.status === 401) {
      throw new RegistryDeniedError(`${host} wants credentials behind a redirect, where they are not sent`);
    }
    return answer;
  }

  return {
    ask: async (request, signal) => follow(await askAuthorized(request, signal), request, signal),
  };
}
