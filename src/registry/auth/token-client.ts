import { RegistryDeniedError, RegistryUnavailableError } from "../../domain/errors.ts";
import type { Clock } from "../../ports.ts";
import type { HttpAnswer, HttpClient } from "../http/http-client.ts";
import type { RegistryLimits } from "../oci/limits.ts";
import { hostWithPort, mayCarrySecrets, shownHost } from "../oci/registry-address.ts";
import type { Credentials } from "./credentials.ts";
import type { Realm } from "./realm.ts";

/** Credentials that a token service takes. */
export type TokenCredentials = Exclude<Credentials, { readonly kind: "registry-token" }>;

/** What a bearer challenge asks for. */
export interface TokenRequest {
  readonly realm: Realm;
  readonly service: string | null;
  readonly scopes: readonly string[];
}

/** A bearer token. */
export interface Token {
  readonly text: string;
  /** `Clock.monotonicTime` from which on a new one is asked for. */
  readonly renewAt: number;
}

/** Gets bearer tokens, by the token specification of distribution. Keeps none. */
export interface TokenClient {
  /**
   * Rejects with a RegistryDeniedError where the token service refuses, with a RegistryUnavailableError where it fails,
   * or with the signal's reason. `maxAttempts` is for a token service that may have moved.
   */
  fetch(
    request: TokenRequest,
    credentials: TokenCredentials | null,
    signal: AbortSignal,
    maxAttempts?: number,
  ): Promise<Token>;
}

export interface TokenClientOptions {
  readonly http: HttpClient;
  readonly limits: RegistryLimits;
  readonly clock: Clock;
  /** `RegistryAddress.realmHosts`. */
  readonly realmHosts: ReadonlySet<string>;
}

/** The specification's lifetime for an answer that states none. */
const DEFAULT_LIFETIME_S = 60;
const MAX_LIFETIME_S = 3_600;
/** A token is renewed this long before its end, or after four fifths of a short life. */
const RENEW_EARLY_S = 30;
const CLIENT_ID = "lab-images";

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/**
 * What token services without the exchange of identity tokens say to a POST: those of Google, Artifactory and Azure are
 * known for one of them each.
 */
const noExchangeStatuses: ReadonlySet<number> = new Set([400, 401, 404, 405, 501]);

/** One request to a token service, but for its URL. */
interface Form {
  readonly method: "GET" | "POST";
  readonly parameters: URLSearchParams;
  readonly authorization: string | null;
}

/** The `Authorization` header for a name and a password (RFC 7617). */
export function basicAuthorization(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** By query, with a parameter for each scope. */
function getForm({ service, scopes }: TokenRequest, authorization: string | null): Form {
  const parameters = new URLSearchParams(service === null ? {} : { service });
  for (const scope of scopes) parameters.append("scope", scope);
  return { method: "GET", parameters, authorization };
}

/** By OAuth 2 form, whose scopes are one text. */
function exchangeForm({ service, scopes }: TokenRequest, identityToken: string): Form {
  const parameters = new URLSearchParams({
    ...(service === null ? {} : { service }),
    ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") }),
    grant_type: "refresh_token",
    client_id: CLIENT_ID,
    refresh_token: identityToken,
  });
  return { method: "POST", parameters, authorization: null };
}

function fieldsOf(answer: HttpAnswer): Readonly<Record<string, unknown>> {
  try {
    // Unlike Buffer, this drops a byte order mark.
    const document: unknown = JSON.parse(new TextDecoder().decode(answer.body));
    return typeof document === "object" && document !== null ? { ...document } : {};
  } catch {
    return {};
  }
}

function tokenIn(answer: HttpAnswer, host: string): { text: string; lifetimeS: number } {
  const fields = fieldsOf(answer);
  const [text = ""] = [fields["token"], fields["access_token"]].flatMap((field) =>
    typeof field === "string" && field.trim() !== "" ? [field.trim()] : [],
  );
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw new RegistryUnavailableError(`the token service on ${host} answers without a token`);
  }
  const stated = Number(fields["expires_in"] ?? Number.NaN);
  return { text, lifetimeS: stated > 0 ? Math.min(stated, MAX_LIFETIME_S) : DEFAULT_LIFETIME_S };
}

/** Turns a refusal into an error. */
function checkStatus({ status }: HttpAnswer, host: string, anonymous: boolean): void {
  if (status >= 200 && status < 300) return;
  if ([400, 401, 403].includes(status)) {
    const whom = anonymous ? "anonymous access" : "the configured credentials";
    throw new RegistryDeniedError(`the token service on ${host} refuses ${whom} (${status})`);
  }
  throw new RegistryUnavailableError(`the token service on ${host} answers ${status}`);
}

/** A token service may move its endpoint on its own host, and to hosts that the configuration allows. */
function redirectTarget(answer: HttpAnswer, from: URL, realmHosts: ReadonlySet<string>): URL {
  const location = answer.header("location");
  const target = location === null ? null : URL.parse(location, from.href);
  if (target === null)
    throw new RegistryUnavailableError(`the token service on ${shownHost(from)} redirects to nowhere`);
  const isAllowed = hostWithPort(target) === hostWithPort(from) || realmHosts.has(hostWithPort(target));
  if (!isAllowed || !mayCarrySecrets(target)) {
    throw new RegistryDeniedError(
      `the token service on ${shownHost(from)} redirects to another host, ${shownHost(target)}; images.source.tokenHosts does not allow it`,
    );
  }
  target.username = "";
  target.password = "";
  return target;
}

export function createTokenClient({ http, limits, clock, realmHosts }: TokenClientOptions): TokenClient {
  async function send(form: Form, realm: Realm, signal: AbortSignal, maxAttempts?: number): Promise<HttpAnswer> {
    const isPost = form.method === "POST";
    const request = {
      method: form.method,
      headers: {
        accept: "application/json",
        ...(isPost ? { "content-type": "application/x-www-form-urlencoded" } : {}),
        ...(form.authorization === null ? {} : { authorization: form.authorization }),
      },
      ...(isPost ? { body: form.parameters.toString() } : {}),
      ...(maxAttempts === undefined ? {} : { maxAttempts }),
      maxBytes: limits.maxTokenBytes,
      foreign: realm.foreign,
    };
    let url = new URL(realm.url);
    if (!isPost) for (const [name, value] of form.parameters) url.searchParams.append(name, value);
    for (let followed = 0; ; followed += 1) {
      const answer = await http.send({ ...request, url }, signal);
      if (!redirectStatuses.has(answer.status)) return answer;
      if (followed === limits.maxRedirects) {
        throw new RegistryUnavailableError(
          `the token service on ${shownHost(url)} redirects more than ${limits.maxRedirects} times`,
        );
      }
      url = redirectTarget(answer, url, realmHosts);
    }
  }

  async function ask(
    request: TokenRequest,
    credentials: TokenCredentials | null,
    signal: AbortSignal,
    maxAttempts?: number,
  ): Promise<HttpAnswer> {
    const { realm } = request;
    if (credentials === null) return await send(getForm(request, null), realm, signal, maxAttempts);
    const { username } = credentials;
    if (credentials.kind === "password") {
      const authorization = basicAuthorization(username, credentials.password);
      return await send(getForm(request, authorization), realm, signal, maxAttempts);
    }
    const exchanged = await send(exchangeForm(request, credentials.token), realm, signal, maxAttempts);
    if (!noExchangeStatuses.has(exchanged.status)) return exchanged;
    // Those services take the identity token for a password.
    return await send(getForm(request, basicAuthorization(username, credentials.token)), realm, signal, maxAttempts);
  }

  return {
    async fetch(request, credentials, signal, maxAttempts) {
      const host = shownHost(request.realm.url);
      const askedAt = clock.monotonicTime();
      const answer = await ask(request, credentials, signal, maxAttempts);
      checkStatus(answer, host, credentials === null);
      const { text, lifetimeS } = tokenIn(answer, host);
      const earlyS = Math.min(RENEW_EARLY_S, lifetimeS / 5);
      return { text, renewAt: askedAt + (lifetimeS - earlyS) * 1_000 };
    },
  };
}
