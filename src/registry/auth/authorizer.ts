import { RegistryDeniedError } from "../../domain/errors.ts";
import type { RegistryAddress } from "../oci/registry-address.ts";
import { mayCarrySecrets } from "../oci/registry-address.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { type Credentials, findCredentials } from "./credentials.ts";
import type { CredentialsBook, CredentialsReader } from "./credentials-file.ts";
import { basicAuthorization, type TokenClient, type TokenRequest } from "./token-client.ts";

/** An `Authorization` header for the registry, and for no other host. */
export interface Authorization {
  readonly header: string;
  /** Whether credentials stand behind it: an anonymous token proves nothing and hurts nobody. */
  readonly secret: boolean;
}

/** Knows how the registry wants to be asked, from the challenge that it once sent. */
export interface Authorizer {
  /** Notices changed credentials. To be called when an operation starts. */
  begin(): Promise<void>;
  /** What the next request should carry; null before the first challenge. */
  current(signal: AbortSignal): Promise<Authorization | null>;
  /**
   * What the request should carry instead, after an answer that refused it; null where that is what it carried.
   * `challenge` is the answer's header, null where it had none. Rejects with a RegistryDeniedError where there is
   * nothing to offer at all.
   */
  renew(challenge: string | null, refused: Authorization | null, signal: AbortSignal): Promise<Authorization | null>;
}

export interface AuthorizerOptions {
  readonly address: RegistryAddress;
  readonly credentials: CredentialsReader;
  readonly tokens: TokenClient;
}

/** The scheme that the registry wants, with what it tells. */
type Wanted = { readonly scheme: "basic" } | ({ readonly scheme: "bearer" } & TokenRequest);

function wantedBy(challenges: readonly Challenge[], path: string): Wanted | null {
  const bearer = challenges.find(({ scheme, parameters }) => scheme === "bearer" && parameters.has("realm"));
  if (bearer !== undefined) {
    const { parameters } = bearer;
    return {
      scheme: "bearer",
      realm: parameters.get("realm") ?? "",
      service: parameters.get("service") ?? null,
      scope: parameters.get("scope") ?? `repository:${path}:pull`,
    };
  }
  return challenges.some(({ scheme }) => scheme === "basic") ? { scheme: "basic" } : null;
}

export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const { address, tokens } = options;
  const host = new URL(address.origin).host;
  let wanted: Wanted | null = null;
  let book: CredentialsBook | null = null;

  async function readBook(): Promise<CredentialsBook> {
    const read = await options.credentials.read();
    if (book !== null && read.version !== book.version) tokens.clear();
    book = read;
    return read;
  }

  function credentialsIn(entries: CredentialsBook["entries"]): Credentials | null {
    return findCredentials(entries, address.credentialHosts, address.path);
  }

  function protect(secret: boolean, header: string): Authorization {
    if (secret && !mayCarrySecrets(new URL(address.origin))) {
      throw new RegistryDeniedError(`${host} wants credentials, which are never sent over plain http`);
    }
    return { header, secret };
  }

  function basic(credentials: Credentials | null): Authorization {
    if (credentials?.kind !== "password") {
      throw new RegistryDeniedError(`${host} wants a name and a password, and none are configured for it`);
    }
    return protect(true, basicAuthorization(credentials));
  }

  async function authorization(now: Wanted, refused: string | null, signal: AbortSignal): Promise<Authorization> {
    const credentials = credentialsIn((book ?? (await readBook())).entries);
    if (now.scheme === "basic") return basic(credentials);
    const refusedToken = refused?.startsWith("Bearer ") === true ? refused.slice("Bearer ".length) : null;
    if (credentials !== null) protect(true, "");
    const token = await tokens.get(now, credentials, refusedToken, signal);
    return protect(token.secret, `Bearer ${token.text}`);
  }

  return {
    async begin() {
      await readBook();
    },
    async current(signal) {
      return wanted === null ? null : await authorization(wanted, null, signal);
    },
    async renew(challenge, refused, signal) {
      await readBook();
      const now = (challenge === null ? null : wantedBy(parseChallenges(challenge), address.path)) ?? wanted;
      if (now === null) throw new RegistryDeniedError(`${host} refuses access, and names no way in that is known here`);
      wanted = now;
      const renewed = await authorization(now, refused?.header ?? null, signal);
      return renewed.header === refused?.header ? null : renewed;
    },
  };
}
