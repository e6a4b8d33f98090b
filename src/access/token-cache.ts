import { createHash } from "node:crypto";
import { KubernetesUnavailableError } from "../domain/errors.ts";
import { createFairPool } from "../lib/concurrency.ts";
import { createSingleFlight } from "../lib/memoize.ts";
import type { Clock, TokenReviewer } from "../ports.ts";

/** Reviews tokens, each at most once in a while. */
export interface TokenCache {
  /**
   * Returns the user name of a token, null where it is not authenticated for us: at once where that is known. Rejects with
   * KubernetesUnavailableError or KubernetesDeniedError. `peer`: whose share of the reviews this one counts for.
   */
  userOf(token: string, peer: string): string | null | Promise<string | null>;
}

/** Time in ms for which an account is kept, and that a token is refused again without a review. */
const KEPT_MS = 60_000;
const REFUSED_MS = 10_000;
/** Tokens that are kept of each kind: strangers cannot displace callers. */
const MAX_KEPT = 1_000;
/** Reviews that may be under way at one time. */
const MAX_REVIEWS = 64;
/** Longest token in characters; those of service accounts have about 1,200. */
const MAX_TOKEN_LENGTH = 6_000;
const JWT = /^[\w-]+\.([\w-]+)\.[\w-]+$/;

interface Kept {
  readonly user: string | null;
  /** `Clock.monotonicTime`. */
  readonly until: number;
}

/** Tokens are kept as hashes. What is no JSON web token is refused without a review. */
export function createTokenCache(reviewer: TokenReviewer, clock: Clock): TokenCache {
  const accounts = new Map<string, Kept>();
  const refused = new Map<string, Kept>();
  const flights = createSingleFlight<string | null>();
  const places = createFairPool(MAX_REVIEWS);

  function known(hash: string): Kept | undefined {
    const kept = accounts.get(hash) ?? refused.get(hash);
    if (kept === undefined || kept.until > clock.monotonicTime()) return kept;
    accounts.delete(hash);
    refused.delete(hash);
    return undefined;
  }

  function keep(hash: string, user: string | null, expiresInMs: number): void {
    const [kept, keptMs] = user === null ? [refused, REFUSED_MS] : [accounts, Math.min(KEPT_MS, expiresInMs)];
    const [oldest] = kept.keys();
    if (kept.size >= MAX_KEPT && oldest !== undefined) kept.delete(oldest);
    kept.set(hash, { user, until: clock.monotonicTime() + keptMs });
  }

  /** Calls that show the same token share its review. */
  function review(token: string, hash: string, peer: string, expiresInMs: number): Promise<string | null> {
    return flights.run(hash, new AbortController().signal, async () => {
      const controller = new AbortController();
      const evict = () => controller.abort(tooMany());
      const place = places.take({ owner: peer, member: controller, amount: 1 }, { yields: () => false, evict });
      if (place === null) throw tooMany();
      try {
        const user = await reviewer.review(token, controller.signal);
        keep(hash, user, expiresInMs);
        return user;
      } finally {
        place.release();
      }
    });
  }

  return {
    userOf(token, peer) {
      const [, payload] = token.length > MAX_TOKEN_LENGTH ? [] : (JWT.exec(token) ?? []);
      if (payload === undefined) return null;
      const hash = createHash("sha256").update(token).digest("base64");
      const kept = known(hash);
      if (kept !== undefined) return kept.user;
      const expiresInMs = expiryOf(payload) - clock.wallTime();
      return expiresInMs <= 0 ? null : review(token, hash, peer, expiresInMs);
    },
  };
}

function tooMany(): KubernetesUnavailableError {
  return new KubernetesUnavailableError("too many tokens are being reviewed");
}

/** Claim `exp` in ms since the epoch; Infinity where there is none, which is for the API server to judge. */
function expiryOf(payload: string): number {
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
    const exp = typeof claims === "object" && claims !== null && "exp" in claims ? Number(claims.exp) : Number.NaN;
    return Number.isFinite(exp) ? exp * 1_000 : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
