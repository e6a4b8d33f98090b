import { RegistryDeniedError, RegistryUnavailableError } from "../../domain/errors.ts";
import { createSingleFlight } from "../../lib/memoize.ts";
import type { Clock } from "../../ports.ts";
import type { HttpAnswer, HttpClient, HttpRequest } from "../http/http-client.ts";
import type { RegistryLimits } from "../oci/limits.ts";
import { hostWithPort, mayCarrySecrets } from "../oci/registry-address.ts";
import type { Credentials } from "./credentials.ts";

/** What a bearer challenge asks for. */
export interface TokenRequest {
  readonly realm: string;
  readonly service: string | null;
  readonly scope: string;
}

/** A bearer token. */
export interface Token {
  readonly text: string;
  /** Whether it was given for credentials: one that anybody can have needs no protection. */
  readonly secret: boolean;
  /** `Clock.monotonicTime` from which on a new one is asked for. */
  readonly renewAt: number;
}

/** Gets and keeps bearer tokens, by the token specification of distribution. */
export interface TokenClient {
  /**
   * A token that is still good, from memory or from the realm; never `rejected`, which the registry has just refused.
   * All who ask for the same token at one time share one request. Rejects with a RegistryDeniedError where the realm is
   * not one that may be asked, or refuses.
   */
  get(
    request: TokenRequest,
    credentials: Credentials | null,
    rejected: string | null,
    signal: AbortSignal,
  ): Promise<Token>;
  /** Forgets all tokens: the credentials have changed. */
  clear(): void;
}

export interface TokenClientOptions {
  readonly http: HttpClient;
  readonly limits: RegistryLimits;
  readonly clock: Clock;
  readonly realmHosts: ReadonlySet<string>;
}

/** The specification's lifetime for an answer that tells none. */
const DEFAULT_LIFETIME_S = 60;
const MAX_LIFETIME_S = 3_600;
/** A token is renewed this long before its end, or after four fifths of a short life. */
const RENEW_EARLY_S = 30;
const CLIENT_ID = "lab-images";

/** Refuses every realm but those of the registry itself and of the hosts that the configuration allows. */
function allowedRealm(realm: string, realmHosts: ReadonlySet<string>): URL {
  if (!URL.canParse(realm)) throw new RegistryDeniedError("the registry names a token service that is no URL");
  const url = new URL(realm);
  if (!mayCarrySecrets(url) || url.username !== "" || url.password !== "") {
    throw new RegistryDeniedError(`the registry names a token service that is not https, on ${url.host}`);
  }
  if (!realmHosts.has(hostWithPort(url))) {
    throw new RegistryDeniedError(
      `the registry names a token service on another host, ${url.host}; images.source.tokenHosts does not allow it`,
    );
  }
  return url;
}

function parametersOf(request: TokenRequest): URLSearchParams {
  const parameters = new URLSearchParams();
  if (request.service !== null) parameters.set("service", request.service);
  if (request.scope !== "") parameters.set("scope", request.scope);
  return parameters;
}

function httpRequest(url: URL, request: TokenRequest, credentials: Credentials | null, maxBytes: number): HttpRequest {
  const parameters = parametersOf(request);
  if (credentials?.kind === "identity-token") {
    parameters.set("grant_type", "refresh_token");
    parameters.set("client_id", CLIENT_ID);
    parameters.set("refresh_token", credentials.token);
    const headers = { "content-type": "application/x-www-form-urlencoded", accept: "application/json" };
    return { method: "POST", url, headers, body: parameters.toString(), maxBytes };
  }
  const target = new URL(url);
  for (const [name, value] of parameters) target.searchParams.append(name, value);
  const headers: Record<string, string> = { accept: "application/json" };
  if (credentials !== null) headers["authorization"] = basicAuthorization(credentials);
  return { method: "GET", url: target, headers, maxBytes };
}

/** The `Authorization` header for a name and a password (RFC 7617). */
export function basicAuthorization(credentials: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64")}`;
}

function fieldsOf(answer: HttpAnswer): Readonly<Record<string, unknown>> {
  try {
    const document: unknown = JSON.parse(answer.body.toString("utf8"));
    return typeof document === "object" && document !== null ? { ...document } : {};
  } catch {
    return {};
  }
}

function tokenIn(answer: HttpAnswer, host: string): { text: string; lifetimeS: number } {
  const fields = fieldsOf(answer);
  const text = [fields["token"], fields["access_token"]].find((field) => typeof field === "string" && field !== "");
  if (typeof text !== "string" || !/^[\x21-\x7e]+$/.test(text)) {
    throw new RegistryUnavailableError(`the token service on ${host} answers without a token`);
  }
  const told = Number(fields["expires_in"] ?? Number.NaN);
  return { text, lifetimeS: told > 0 ? Math.min(told, MAX_LIFETIME_S) : DEFAULT_LIFETIME_S };
}

/** Turns a refusal into an error. */
function checkStatus(answer: HttpAnswer, host: string, anonymous: boolean): void {
  if (answer.status === 200) return;
  if ([400, 401, 403].includes(answer.status)) {
    const whom = anonymous ? "anonymous access" : "the configured credentials";
    throw new RegistryDeniedError(`the token service on ${host} refuses ${whom} (${answer.status})`);
  }
  throw new RegistryUnavailableError(`the token service on ${host} answers ${answer.status}`);
}

export function createTokenClient(options: TokenClientOptions): TokenClient {
  const { http, clock, limits } = options;
  const flights = createSingleFlight<Token>();
  const tokens = new Map<string, Token>();
  let generation = 0;

  async function ask(
    url: URL,
    request: TokenRequest,
    credentials: Credentials | null,
    signal: AbortSignal,
  ): Promise<Token> {
    const askedAt = clock.monotonicTime();
    const answer = await http.send(httpRequest(url, request, credentials, limits.maxTokenBytes), signal);
    checkStatus(answer, url.host, credentials === null);
    const { text, lifetimeS } = tokenIn(answer, url.host);
    const earlyS = Math.min(RENEW_EARLY_S, lifetimeS / 5);
    return { text, secret: credentials !== null, renewAt: askedAt + (lifetimeS - earlyS) * 1_000 };
  }

  return {
    async get(request, credentials, rejected, signal) {
      const url = allowedRealm(request.realm, options.realmHosts);
      const key = JSON.stringify([generation, url.href, request.service, request.scope]);
      const kept = tokens.get(key);
      if (kept !== undefined && kept.text !== rejected && clock.monotonicTime() < kept.renewAt) return kept;
      return await flights.run(key, signal, async (flightSignal) => {
        const token = await ask(url, request, credentials, flightSignal);
        if (key.startsWith(`[${generation},`)) {
          // One source asks for one scope; other keys are of realms that the registry has ceased to name.
          tokens.clear();
          tokens.set(key, token);
        }
        return token;
      });
    },
    clear() {
      generation += 1;
      tokens.clear();
    },
  };
}
