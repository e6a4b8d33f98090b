import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

/** How the simulated registry identifies callers. */
export type RegistryAuth =
  | { readonly kind: "none" }
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  | BearerAuth;

/** Tokens from a token endpoint, which the registry serves itself at `/token`. */
export interface BearerAuth {
  readonly kind: "bearer";
  /** Who may have a token; without an account, anonymous callers may. */
  readonly account?: { readonly username: string; readonly password: string };
  /** Accepted by POST in exchange for an access token. */
  readonly identityToken?: string;
  /** Seconds that a token is good for; 300 unless given. */
  readonly lifetimeSeconds?: number;
  /** Whether the response has the lifetime; registries may leave it out. True unless given. */
  readonly tellsLifetime?: boolean;
  /** Field that carries the token; `token` unless given. */
  readonly field?: "token" | "access_token";
  /** Status for a token that is no longer good; ECR Public says 400. 401 unless given. */
  readonly expiredStatus?: 400 | 401;
  /** The challenge's realm; the registry's own `/token` unless given. */
  readonly realm?: string;
  /** The challenge's service; may hold commas. */
  readonly service?: string;
}

/** What the registry's routes ask of authentication. */
export interface RegistryGuard {
  /** True if the request may read the repository; otherwise the refusal has been sent. */
  admit(request: IncomingMessage, response: ServerResponse, repository: string): boolean;
  /** Handles a request to the token endpoint. */
  serveToken(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Makes every token given out so far worthless. */
  expireTokens(): void;
  /** How many tokens were given out. */
  readonly tokensIssued: number;
}

const MAX_FORM_BYTES = 16 * 1024;

/** Sends a refusal or a failure in the form of the distribution specification. */
export function sendRegistryError(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers });
  response.end(JSON.stringify({ errors: [{ code, message, detail: null }] }));
}

function basicHeader(account: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${account.username}:${account.password}`).toString("base64")}`;
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let text = "";
  for await (const chunk of request as AsyncIterable<Buffer>) {
    text += chunk.toString("latin1");
    if (text.length > MAX_FORM_BYTES) break;
  }
  return new URLSearchParams(text);
}

function createBearerGuard(auth: BearerAuth, url: () => string, now: () => number): RegistryGuard {
  const lifetimeSeconds = auth.lifetimeSeconds ?? 300;
  const expiryByToken = new Map<string, number>();
  let tokensIssued = 0;

  function challenge(repository: string): string {
    const realm = auth.realm ?? `${url()}/token`;
    const service = auth.service ?? "registry, simulated";
    return `Bearer realm="${realm}",service="${service}",scope="repository:${repository}:pull"`;
  }

  function sendToken(response: ServerResponse): void {
    const token = randomBytes(24).toString("hex");
    tokensIssued += 1;
    expiryByToken.set(token, now() + lifetimeSeconds * 1_000);
    response.writeHead(200, { "content-type": "application/json" });
    const lifetime = auth.tellsLifetime === false ? {} : { expires_in: lifetimeSeconds };
    response.end(JSON.stringify({ [auth.field ?? "token"]: token, ...lifetime }));
  }

  async function mayHaveToken(request: IncomingMessage): Promise<boolean> {
    if (request.method === "POST") {
      const form = await readForm(request);
      return auth.identityToken !== undefined && form.get("refresh_token") === auth.identityToken;
    }
    if (auth.account === undefined && auth.identityToken === undefined) return true;
    return auth.account !== undefined && request.headers.authorization === basicHeader(auth.account);
  }

  return {
    admit(request, response, repository) {
      const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
      if (given !== undefined && (expiryByToken.get(given) ?? 0) > now()) return true;
      if (given !== undefined && auth.expiredStatus === 400) {
        sendRegistryError(response, 400, "DENIED", "the authorization token has expired");
      } else {
        const headers = { "www-authenticate": challenge(repository) };
        sendRegistryError(response, 401, "UNAUTHORIZED", "authentication required", headers);
      }
      return false;
    },
    async serveToken(request, response) {
      if (await mayHaveToken(request)) sendToken(response);
      else sendRegistryError(response, 401, "UNAUTHORIZED", "no such account");
    },
    expireTokens: () => expiryByToken.clear(),
    get tokensIssued() {
      return tokensIssued;
    },
  };
}

/** The guard of one kind of authentication. `url` is the registry's own, known once it listens. */
export function createRegistryGuard(auth: RegistryAuth, url: () => string, now: () => number): RegistryGuard {
  if (auth.kind === "bearer") return createBearerGuard(auth, url, now);
  return {
    admit(request, response) {
      if (auth.kind === "none" || request.headers.authorization === basicHeader(auth)) return true;
      const headers = { "www-authenticate": 'Basic realm="Registry, simulated"' };
      sendRegistryError(response, 401, "UNAUTHORIZED", "authentication required", headers);
      return false;
    },
    async serveToken(_request, response) {
      sendRegistryError(response, 404, "UNSUPPORTED", "this registry has no token endpoint");
    },
    expireTokens: () => undefined,
    tokensIssued: 0,
  };
}
