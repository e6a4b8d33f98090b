import { RegistryDeniedError } from "../../domain/errors.ts";
import { createSingleFlight } from "../../lib/memoize.ts";
import type { Clock, Logger } from "../../ports.ts";
import { mayCarrySecrets, type RegistryAddress } from "../oci/registry-address.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { type Credentials, findCredentials } from "./credentials.ts";
import type { CredentialsBook, CredentialsReader } from "./credentials-file.ts";
import { allowedRealm, otherHost } from "./realm.ts";
import { basicAuthorization, type TokenClient, type TokenRequest } from "./token-client.ts";

/** An `Authorization` header for the registry, and for no other host. */
export interface Authorization {
  readonly header: string;
  /** Whether credentials stand behind it: an anonymous token proves nothing and hurts nobody. */
  readonly secret: boolean;
  /** `Clock.monotonicTime` when it was had. */
  readonly obtainedAt: number;
  /** `Clock.monotonicTime` from which on another one is needed. */
  readonly renewAt: number;
}

/** One way to authorize requests, as a challenge of the registry names it; `token` is a bearer token of the configuration. */
export type Way = { readonly scheme: "basic" | "token" } | ({ readonly scheme: "bearer" } & TokenRequest);

/** Further ones are not tried: a registry could make us ask as many hosts as it likes. */
const MAX_WAYS = 4;

/**
 * Knows how the registry wants to be asked. What it knows is the registry's own word, and is dropped at the first failure
 * that it may have caused (faults, L1): then the registry is asked without it.
 */
export interface Authorizer {
  /** Notices changed credentials. To be called when an operation starts. */
  begin(): Promise<void>;
  /** What the next request should carry; null where nothing is known, or what was known works no longer. */
  current(signal: AbortSignal): Promise<Authorization | null>;
  /**
   * The ways that the challenges of an answer name, best first; none is tried. Rejects with a RegistryDeniedError where
   * there is none that can be used.
   */
  waysIn(challenges: readonly string[]): Promise<readonly Way[]>;
  /** Rejects with a RegistryDeniedError, a RegistryUnavailableError or the signal's reason. */
  obtain(way: Way, signal: AbortSignal): Promise<Authorization>;
  /** Drops an authorization that the registry has refused. Returns what to say of it. */
  refused(authorization: Authorization): RegistryDeniedError;
  /** An operation has failed: drops all that the registry and its token service have said, and what they have refused. */
  forgetAll(error: unknown): void;
}

export interface AuthorizerOptions {
  readonly address: RegistryAddress;
  readonly credentials: CredentialsReader;
  readonly tokens: TokenClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Known {
  readonly way: Way;
  readonly authorization: Authorization;
}

function keyOf(way: Way): string {
  if (way.scheme !== "bearer") return way.scheme;
  return JSON.stringify([way.realm.url.href, way.service, way.scopes]);
}

export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const { address, tokens, clock, logger } = options;
  const { host } = new URL(address.origin);
  const flights = createSingleFlight<Authorization>();
  let known: Known | null = null;
  let book: CredentialsBook | null = null;
  /** Another number whenever what was asked for before is not to be used any longer. */
  let generation = 0;

  function drop(): void {
    known = null;
    generation += 1;
  }

  async function readBook(): Promise<CredentialsBook> {
    const read = await options.credentials.read();
    if (book !== null && read.version !== book.version) drop();
    book = read;
    return read;
  }

  function credentials(): Credentials | null {
    return findCredentials(book?.entries ?? [], address.credentialHosts, address.path);
  }

  /** Why there may be no credentials although there is a file; empty where nothing is known. */
  function whyNone(): string {
    if (book?.unusable.some((one) => address.credentialHosts.includes(one)) === true) {
      return "; its entry in the credentials file holds neither a name with a password nor a token";
    }
    return book?.namesHelper === true ? "; the credentials file names a credential helper, which is not run" : "";
  }

  function noPassword(): RegistryDeniedError {
    return new RegistryDeniedError(`${host} wants a name and a password, and none are configured for it${whyNone()}`);
  }

  /** What forbids that these credentials are sent to this way's host, or null. They may have come after the way was chosen. */
  function leakOf(found: Credentials | null, way: Way | null): RegistryDeniedError | null {
    if (found === null) return null;
    if (!mayCarrySecrets(new URL(address.origin))) {
      return new RegistryDeniedError(`${host} wants credentials, which are never sent over plain http`);
    }
    return way?.scheme === "bearer" && way.realm.foreign ? otherHost(way.realm.url) : null;
  }

  async function authorize(way: Way, signal: AbortSignal, maxAttempts?: number): Promise<Authorization> {
    const found = credentials();
    const leak = leakOf(found, way);
    if (leak !== null) throw leak;
    const secret = found !== null;
    const lasting = { secret, obtainedAt: clock.monotonicTime(), renewAt: Number.POSITIVE_INFINITY };
    if (found?.kind === "registry-token") return { ...lasting, header: `Bearer ${found.token}` };
    if (way.scheme === "bearer") {
      const { text, renewAt } = await tokens.fetch(way, found, signal, maxAttempts).catch((error: unknown) => {
        if (found !== null || !(error instanceof RegistryDeniedError)) throw error;
        throw new RegistryDeniedError(`${error.message}${whyNone()}`);
      });
      return { ...lasting, header: `Bearer ${text}`, renewAt };
    }
    if (found?.kind !== "password") throw noPassword();
    return { ...lasting, header: basicAuthorization(found.username, found.password) };
  }

  /** All who want the same at one time share one request. */
  async function obtain(way: Way, signal: AbortSignal, maxAttempts?: number): Promise<Authorization> {
    const now = clock.monotonicTime();
    if (known !== null && keyOf(known.way) === keyOf(way) && now < known.authorization.renewAt) {
      return known.authorization;
    }
    const askedIn = generation;
    return await flights.run(`${askedIn} ${keyOf(way)}`, signal, async (flightSignal) => {
      const authorization = await authorize(way, flightSignal, maxAttempts);
      if (askedIn === generation) known = { way, authorization };
      return authorization;
    });
  }

  /** One challenge as a way, or why it is none; null where its scheme is not known here. */
  function wayOf({ scheme, parameters }: Challenge): Way | RegistryDeniedError | null {
    const found = credentials();
    const leak = leakOf(found, null);
    if (leak !== null) return leak;
    if (scheme === "basic") return found?.kind === "password" ? { scheme } : noPassword();
    if (scheme !== "bearer") return null;
    if (found?.kind === "registry-token") return { scheme: "token" };
    const realmText = parameters.get("realm") ?? "";
    if (realmText === "") return null;
    try {
      const realm = allowedRealm(realmText, address, found !== null);
      const named = (parameters.get("scope") ?? "").split(/\s+/).filter((scope) => scope !== "");
      const scopes = named.length === 0 ? [`repository:${address.path}:pull`] : named;
      return { scheme, realm, service: parameters.get("service") ?? null, scopes };
    } catch (error) {
      if (error instanceof RegistryDeniedError) return error;
      throw error;
    }
  }

  return {
    async begin() {
      await readBook();
    },
    async current(signal) {
      if (known === null) return null;
      if (clock.monotonicTime() < known.authorization.renewAt) return known.authorization;
      try {
        // Once: if the token service has moved, the registry says so sooner than retries end.
        return await obtain(known.way, signal, 1);
      } catch (error) {
        signal.throwIfAborted();
        const reason = error instanceof Error ? error.message : "unknown";
        logger.debug({ reason, registry: host }, "asking the registry without the authorization that it wanted before");
        drop();
        return null;
      }
    },
    async waysIn(challenges) {
      await readBook();
      const named = parseChallenges(challenges).map(wayOf);
      const ways = new Map<string, Way>();
      let problem: RegistryDeniedError | null = null;
      for (const one of named) {
        if (one instanceof RegistryDeniedError) problem ??= one;
        else if (one !== null && ways.size < MAX_WAYS) ways.set(keyOf(one), one);
      }
      if (ways.size === 0) {
        throw problem ?? new RegistryDeniedError(`${host} refuses access, and names no way in that is known here`);
      }
      const all = [...ways.values()];
      return [...all.filter(({ scheme }) => scheme !== "basic"), ...all.filter(({ scheme }) => scheme === "basic")];
    },
    obtain: (way, signal) => obtain(way, signal),
    refused(authorization) {
      if (known?.authorization === authorization) known = null;
      const whom = authorization.secret ? "the configured credentials (401)" : `anonymous access (401)${whyNone()}`;
      return new RegistryDeniedError(`${host} refuses ${whom}`);
    },
    forgetAll(error) {
      drop();
      if (error instanceof RegistryDeniedError) options.credentials.forget();
    },
  };
}
