import { RegistryDeniedError, RegistryUnavailableError } from "../../domain/errors.ts";
import type { Clock } from "../../ports.ts";
import type { Authorization, Authorizer } from "../auth/authorizer.ts";
import type { HttpAnswer, HttpClient, HttpRequest } from "../http/http-client.ts";
import type { RegistryLimits } from "./limits.ts";
import { shownHost } from "./registry-address.ts";

/** A request to the registry's own API. */
export interface RegistryRequest {
  readonly method: "GET" | "HEAD";
  /** Must be of the registry's origin. */
  readonly url: URL;
  readonly accept: string;
  readonly maxBytes: number;
  /** As in `HttpRequest`. */
  readonly reader?: HttpRequest["reader"];
  /** As in `HttpRequest`. */
  readonly finalStatus?: HttpRequest["finalStatus"];
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
  readonly clock: Clock;
}

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Younger authorizations are not taken for outdated where a refusal may have another cause. */
const STALE_MS = 30_000;

/**
 * Whether an answer may be due to what the request carried. 400 is what ECR Public says of a token that has expired. A
 * token that was had before the account was allowed to read is answered with 403, or 404 where the registry hides what
 * may not be read.
 */
function mayBeStale(answer: HttpAnswer, used: Authorization, request: RegistryRequest, now: number): boolean {
  if (answer.status === 401) return true;
  if (answer.status === 400) return used.header.startsWith("Bearer ");
  const isRefusal = answer.status === 403 || (answer.status === 404 && request.method === "GET");
  return isRefusal && now - used.obtainedAt > STALE_MS;
}

/** Some registries send the challenge with 403. */
function isChallenge(answer: HttpAnswer): boolean {
  return answer.status === 401 || (answer.status === 403 && answer.headers("www-authenticate").length > 0);
}

export function createRegistrySession(options: RegistrySessionOptions): RegistrySession {
  const { origin, http, authorizer, limits, clock } = options;
  const host = new URL(origin).host;

  function send(request: RegistryRequest, used: Authorization | null, signal: AbortSignal): Promise<HttpAnswer> {
    const { method, url, accept, maxBytes, reader, finalStatus } = request;
    if (url.origin !== origin)
      throw new RegistryUnavailableError(`${host} points to another origin, ${shownHost(url)}`);
    const headers = { accept, ...(used === null ? {} : { authorization: used.header }) };
    return http.send({ method, url, headers, maxBytes, reader, finalStatus }, signal);
  }

  /**
   * Sends a request in the ways that the registry itself has named, until one is not refused. A 403 that names none which
   * helps is returned as it is: it may concern one tag.
   */
  async function answerChallenge(
    request: RegistryRequest,
    refusal: HttpAnswer,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const mayStand = refusal.status === 403;
    const challenges = refusal.headers("www-authenticate");
    const ways = await authorizer.waysIn(challenges).catch((error: unknown) => {
      if (mayStand && error instanceof RegistryDeniedError) return [];
      throw error;
    });
    let problem: unknown;
    for (const way of ways) {
      try {
        const used = await authorizer.obtain(way, signal);
        const answer = await send(request, used, signal);
        if (answer.status !== 401) return answer;
        const refused = authorizer.refused(used);
        problem ??= refused;
      } catch (error) {
        signal.throwIfAborted();
        problem ??= error;
      }
    }
    if (mayStand) return refusal;
    throw problem;
  }

  /** Sends a request with what was wanted before; if that is refused, without it, and then as the registry says. */
  async function askAuthorized(request: RegistryRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const used = await authorizer.current(signal);
    const first = await send(request, used, signal);
    if (used !== null && mayBeStale(first, used, request, clock.monotonicTime())) {
      authorizer.refused(used);
      // Another request may have renewed it meanwhile.
      const next = await authorizer.current(signal);
      const second = await send(request, next, signal);
      if (!isChallenge(second)) return second;
      if (next !== null) authorizer.refused(next);
      return await answerChallenge(request, second, signal);
    }
    return used === null && isChallenge(first) ? await answerChallenge(request, first, signal) : first;
  }

  function targetOf(answer: HttpAnswer, from: URL): URL {
    const location = answer.header("location") ?? "";
    if (location === "" || !URL.canParse(location, from.href)) {
      throw new RegistryUnavailableError(`${host} redirects to nowhere`);
    }
    const target = new URL(location, from);
    if (target.origin !== origin || target.username !== "" || target.password !== "") {
      throw new RegistryUnavailableError(
        `${host} redirects to another origin, ${shownHost(target)}; it is not followed`,
      );
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
