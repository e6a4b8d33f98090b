import { createHash, createPrivateKey, createPublicKey, randomUUID, sign } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createCertificateAuthority } from "../cluster/certificates.ts";

/** What a token allows. */
export interface TokenScope {
  readonly repository: string;
  readonly actions: readonly string[];
}

/** A token service as distribution's specification has it: JSON web tokens, signed with a key that the registry trusts. */
export interface TokenServer {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  /** For `rootcertbundle`. */
  readonly certificatePem: string;
  /** A token for the test's own use. */
  readonly tokenFor: (scope: TokenScope) => string;
  /** Seconds until tokens expire that are given out from now on. */
  lifetimeSeconds: number;
  /** How many tokens were asked for. */
  readonly issued: number;
  /** `Authorization` headers that were sent along, or null. */
  readonly authorizations: readonly (string | null)[];
  close(): void;
}

export interface TokenServerOptions {
  /** Who may pull; anybody where there is none. */
  readonly account?: { readonly username: string; readonly password: string };
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The key's identity as libtrust has it: 240 bits of a hash of the public key, base 32, in groups of four. */
function keyId(publicKeyDer: Buffer): string {
  const hash = createHash("sha256").update(publicKeyDer).digest().subarray(0, 30);
  const bits = [...hash].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const letters = (bits.match(/.{5}/g) ?? []).map((five) => BASE32[Number.parseInt(five, 2)]).join("");
  return (letters.match(/.{4}/g) ?? []).join(":");
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}

/** `repository:NAME:ACTION,ACTION`; nothing else is given out. */
function parseScope(text: string): TokenScope | null {
  const [, repository, actions] = /^repository:([^:]+):([a-z,]+)$/.exec(text) ?? [];
  return repository === undefined || actions === undefined ? null : { repository, actions: actions.split(",") };
}

export async function startTokenServer(options: TokenServerOptions = {}): Promise<TokenServer> {
  const issuer = "token server of the tests";
  const service = "registry, of the tests";
  const { certificatePem, privateKeyPem } = createCertificateAuthority("tokens").issueServerCertificate(["tokens"]);
  const privateKey = createPrivateKey(privateKeyPem);
  const kid = keyId(createPublicKey(privateKey).export({ type: "spki", format: "der" }));
  const authorizations: (string | null)[] = [];

  function tokenFor(scope: TokenScope | null): string {
    const now = Math.floor(Date.now() / 1_000);
    const access = scope === null ? [] : [{ type: "repository", name: scope.repository, actions: scope.actions }];
    const times = { nbf: now - 10, iat: now, exp: now + state.lifetimeSeconds };
    const claims = { iss: issuer, sub: "test", aud: service, ...times, jti: randomUUID(), access };
    const text = `${encode({ typ: "JWT", alg: "ES256", kid })}.${encode(claims)}`;
    const signature = sign("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" });
    return `${text}.${signature.toString("base64url")}`;
  }

  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? "/", "http://127.0.0.1");
    const authorization = request.headers.authorization ?? null;
    authorizations.push(authorization);
    const { account } = options;
    const expected = account && `Basic ${Buffer.from(`${account.username}:${account.password}`).toString("base64")}`;
    if (searchParams.get("service") !== service || (expected !== undefined && authorization !== expected)) {
      response.writeHead(401).end();
      return;
    }
    response.setHeader("content-type", "application/json");
    const token = tokenFor(parseScope(searchParams.get("scope") ?? ""));
    response.end(JSON.stringify({ token, expires_in: state.lifetimeSeconds }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  const state: TokenServer = {
    realm: `http://127.0.0.1:${port}/token`,
    service,
    issuer,
    certificatePem,
    tokenFor,
    lifetimeSeconds: 300,
    authorizations,
    get issued() {
      return authorizations.length;
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return state;
}
