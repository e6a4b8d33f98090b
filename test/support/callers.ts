import type { AuthOutcome, Authorizer, AuthSettings, CallerRule } from "../../src/access/authorizer.ts";
import { createAuthorizer } from "../../src/access/authorizer.ts";
import { KubernetesUnavailableError } from "../../src/domain/errors.ts";
import type { Clock } from "../../src/ports.ts";
import { keepingLogger, type LogLine, realClock } from "../grpc/support/running-server.ts";

/** User name of a service account. */
export function accountName(name: string, namespace = "labs"): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

const IN_AN_HOUR = Date.now() + 3_600_000;

/** A token of the form that service accounts have, with this text in its claims. */
export function tokenOf(subject: string, expiresAt: number | null = IN_AN_HOUR): string {
  const claims = { sub: subject, ...(expiresAt === null ? {} : { exp: Math.floor(expiresAt / 1_000) }) };
  return `eyJhbGciOiJFUzI1NiJ9.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2lnbmF0dXJl`;
}

/** An authorizer whose tokens a test reviews. */
export interface CallerWorld {
  readonly authorizer: Authorizer;
  /** User names of valid tokens. */
  readonly accounts: Map<string, string>;
  readonly outcomes: AuthOutcome[];
  readonly log: LogLine[];
  /** Tokens that were reviewed, in order. */
  readonly reviewed: string[];
  /** While true no token can be reviewed. */
  isDown: boolean;
  /** Settles while reviews go on; a pending one holds them up. */
  hold: Promise<void>;
}

/** Callers of these rules. */
export function callerWorld(
  callers: readonly CallerRule[],
  settings: Partial<AuthSettings> = {},
  clock: Clock = realClock,
): CallerWorld {
  const log: LogLine[] = [];
  const outcomes: AuthOutcome[] = [];
  const reviewed: string[] = [];
  const accounts = new Map<string, string>();
  const world: CallerWorld = {
    accounts,
    outcomes,
    log,
    reviewed,
    isDown: false,
    hold: Promise.resolve(),
    authorizer: createAuthorizer({
      settings: { callers, public: ["health"], maxCallsPerCaller: 100, ...settings },
      reviewer: {
        async review(token) {
          reviewed.push(token);
          await world.hold;
          if (world.isDown) throw new KubernetesUnavailableError("cannot review a caller's token: it is down");
          return accounts.get(token) ?? null;
        },
      },
      clock,
      logger: keepingLogger(log),
      observe: (outcome) => void outcomes.push(outcome),
    }),
  };
  return world;
}
