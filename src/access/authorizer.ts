import type { X509Certificate } from "node:crypto";
import { PermissionDeniedError, UnauthenticatedError } from "../domain/errors.ts";
import { quotePeer } from "../lib/redact.ts";
import type { Clock, Logger, TokenReviewer } from "../ports.ts";
import { certificateNames } from "./certificate-names.ts";
import type { Permission, PublicService, Requirement } from "./permissions.ts";
import { createTokenCache } from "./token-cache.ts";

/** One entry of `grpc.auth.callers`. */
export interface CallerRule {
  /** User name of a Kubernetes account, or a subject alternative name. */
  readonly kind: "account" | "certificate";
  readonly name: string;
  readonly permissions: readonly Permission[];
}

/** Who may call (`grpc.auth`). */
export interface AuthSettings {
  readonly callers: readonly CallerRule[];
  /** Services that need no caller. */
  readonly public: readonly PublicService[];
  /** Calls that one caller may have open at one time. */
  readonly maxCallsPerCaller: number;
}

/** What a call brings to prove who makes it. */
export interface Credentials {
  /** Value of the `authorization` header; null where there is none. */
  readonly authorization: string | null;
  /** Certificate that the TLS handshake has verified. */
  readonly certificate: X509Certificate | null;
  /** Network address, as its owner. */
  readonly peer: string;
  /** Whether others can read what is sent: then no token is accepted. */
  readonly isExposed: boolean;
}

/** A caller that is known. */
export interface Caller {
  /** As the configuration names it. */
  readonly name: string;
  readonly permissions: ReadonlySet<Permission>;
}

export type AuthOutcome = "allowed" | "unauthenticated" | "denied" | "unavailable";

/** Decides who may do what. */
export interface Authorizer {
  readonly settings: AuthSettings;
  /**
   * Returns the caller where it may do this; at once where no token has to be reviewed. Errors: UnauthenticatedError,
   * PermissionDeniedError, KubernetesUnavailableError, KubernetesDeniedError. `what` is named in errors.
   */
  authorize(credentials: Credentials, requirement: Requirement | undefined, what: string): Caller | Promise<Caller>;
}

/** Collaborators of an Authorizer. */
export interface AuthorizerDeps {
  readonly settings: AuthSettings;
  readonly reviewer: TokenReviewer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observe: (outcome: AuthOutcome) => void;
}

/** Denials of one caller are logged once in this time, in ms. */
const LOG_INTERVAL_MS = 60_000;
const MAX_LOGGED = 1_000;
const BEARER = /^Bearer +(\S+)$/i;

export function createAuthorizer({ settings, reviewer, clock, logger, observe }: AuthorizerDeps): Authorizer {
  const tokens = createTokenCache(reviewer, clock);
  const logged = new Map<string, number>();

  function callerOf(kind: CallerRule["kind"], names: readonly string[]): Caller {
    const rules = settings.callers.filter((rule) => rule.kind === kind && names.includes(rule.name));
    const name = rules.map((rule) => rule.name).join(", ") || names.join(", ");
    return { name, permissions: new Set(rules.flatMap(({ permissions }) => permissions)) };
  }

  function authenticate({ authorization, certificate, peer, isExposed }: Credentials): Caller | Promise<Caller> {
    if (authorization !== null) {
      if (isExposed) throw new UnauthenticatedError("a token is accepted over TLS and on loopback alone");
      const [, token] = BEARER.exec(authorization) ?? [];
      if (token === undefined) throw new UnauthenticatedError("the authorization is no bearer token");
      const user = tokens.userOf(token, peer);
      return user instanceof Promise ? user.then(accountOf) : accountOf(user);
    }
    if (certificate === null) {
      throw new UnauthenticatedError("the caller shows neither a token nor a client certificate");
    }
    const names = isValid(certificate, clock.wallTime()) ? certificateNames(certificate) : [];
    if (names.length === 0) {
      throw new UnauthenticatedError("the client certificate has ended, or has no subject alternative name");
    }
    return callerOf("certificate", names);
  }

  function accountOf(user: string | null): Caller {
    if (user !== null) return callerOf("account", [user]);
    throw new UnauthenticatedError("the token is not valid, has expired, or is for another audience");
  }

  function check(caller: Caller, requirement: Requirement | undefined, what: string): Caller {
    const { name, permissions } = caller;
    const isAllowed = requirement === "any" ? permissions.size > 0 : requirement && permissions.has(requirement);
    if (isAllowed) {
      observe("allowed");
      return caller;
    }
    const needed =
      requirement === undefined || requirement === "any" ? "any permission" : `the permission ${requirement}`;
    throw new PermissionDeniedError(`${quotePeer(name)} lacks ${needed}, which ${what} needs`, {
      caller: quotePeer(name),
      permission: requirement ?? "",
    });
  }

  function denied(error: unknown, peer: string, what: string): unknown {
    const isDenied = error instanceof PermissionDeniedError;
    const isUnknown = error instanceof UnauthenticatedError;
    observe(isDenied ? "denied" : isUnknown ? "unauthenticated" : "unavailable");
    const caller = isDenied ? (error.metadata["caller"] ?? "") : peer;
    const now = clock.monotonicTime();
    if (now - (logged.get(caller) ?? Number.NEGATIVE_INFINITY) < LOG_INTERVAL_MS) return error;
    logged.delete(caller);
    const [oldest] = logged.keys();
    if (logged.size >= MAX_LOGGED && oldest !== undefined) logged.delete(oldest);
    logged.set(caller, now);
    logger.warn({ caller, peer, what, why: error instanceof Error ? error.message : "" }, "call denied");
    return error;
  }

  return {
    settings,
    authorize(credentials, requirement, what) {
      const fail = (error: unknown): never => {
        throw denied(error, credentials.peer, what);
      };
      try {
        const caller = authenticate(credentials);
        if (!(caller instanceof Promise)) return check(caller, requirement, what);
        return caller.then((known) => check(known, requirement, what)).catch(fail);
      } catch (error) {
        return fail(error);
      }
    },
  };
}

function isValid({ validFrom, validTo }: X509Certificate, now: number): boolean {
  return Date.parse(validFrom) <= now && now < Date.parse(validTo);
}
