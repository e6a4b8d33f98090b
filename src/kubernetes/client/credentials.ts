import { createHash } from "node:crypto";
import type { Authenticator } from "@kubernetes/client-node/dist/auth.js";
import type { User } from "@kubernetes/client-node/dist/config_types.js";
import { ownBytes, readRegularFile } from "../../lib/bytes.ts";
import { createAuthenticator } from "./authenticator.ts";
import { type ClusterAccess, readKubeconfig, readServiceAccount } from "./kubeconfig.ts";

/** Where the configuration comes from: a kubeconfig's path, or the service account of our pod. */
export interface CredentialSource {
  /** Path of a kubeconfig; null for in-cluster. */
  readonly kubeconfig: string | null;
  /** Prefix of the in-cluster files, for tests; empty in a real pod. */
  readonly rootPrefix?: string;
}

/** What a connection is made of, as of now: files are read again each time. */
export interface Credentials {
  /** Base URL of the API server, without a slash at its end. */
  readonly server: string;
  /** An HTTP proxy on the way, or null. */
  readonly proxyUrl: string | null;
  readonly tls: TlsMaterial;
  readonly headers: Readonly<Record<string, string>>;
  /** The namespace of our pod or of the context, or null. */
  readonly namespace: string | null;
  /** Equal as long as server, proxy and TLS material are: then connections may be reused. */
  readonly fingerprint: string;
}

/** TLS options of a connection. */
export interface TlsMaterial {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

/** Reads credentials: `fresh` goes back to the files and plug-ins, past every cache. */
export interface CredentialReader {
  read(fresh: boolean): Promise<Credentials>;
  /** The next read is a fresh one: what was read did not lead to an answer of the API server that we want. */
  invalidate(): void;
}

interface LoadedAccess {
  readonly access: ClusterAccess;
  readonly authenticator: Authenticator | null;
}

/**
 * Credentials from a kubeconfig or the pod's service account. The CA, certificate and token files are read at each use; a
 * fresh read starts from nothing, so a kubeconfig that was replaced and a plug-in's token that was revoked are used after the
 * first call that fails. Rejects with what the read threw.
 */
export function createCredentialReader(source: CredentialSource): CredentialReader {
  let loaded: Promise<LoadedAccess> | null = null;

  return {
    async read(fresh) {
      if (fresh || loaded === null) loaded = load(source);
      const current = loaded;
      try {
        return await credentialsOf(await current);
      } catch (error) {
        // What is missing or half written now may be whole at the next try.
        if (loaded === current) loaded = null;
        throw error;
      }
    },
    invalidate() {
      loaded = null;
    },
  };
}

async function load({ kubeconfig, rootPrefix = "" }: CredentialSource): Promise<LoadedAccess> {
  const access = kubeconfig === null ? await readServiceAccount(rootPrefix) : await readKubeconfig(kubeconfig);
  return { access, authenticator: access.user === null ? null : await createAuthenticator(access.user) };
}

async function credentialsOf({ access, authenticator }: LoadedAccess): Promise<Credentials> {
  const { cluster, user, tokenFile, namespace } = access;
  const proxyUrl = cluster.proxyUrl ?? null;
  if (proxyUrl !== null && !/^https?:/.test(proxyUrl)) throw new Error("only HTTP proxies are supported");
  if (cluster.server.startsWith("http:") && !cluster.skipTLSVerify) {
    throw new Error("a cluster without TLS needs insecure-skip-tls-verify: true");
  }
  // What a plug-in gets stands before what the kubeconfig has, but for a token.
  const options: PluginOptions = { headers: {} };
  if (user !== null) await authenticator?.applyAuthentication(user, options);
  const [ca, cert, key] = await Promise.all([
    fileOrData(cluster.caFile, cluster.caData),
    options.cert ?? fileOrData(user?.certFile, user?.certData),
    options.key ?? fileOrData(user?.keyFile, user?.keyData),
  ]);
  const tls: TlsMaterial = {
    ...(ca === null ? {} : { ca }),
    ...(cert === null ? {} : { cert }),
    ...(key === null ? {} : { key }),
    ...(cluster.tlsServerName ? { servername: cluster.tlsServerName } : {}),
    ...(cluster.skipTLSVerify ? { rejectUnauthorized: false } : {}),
  };
  const headers = await headersOf(user, options, tokenFile);
  const server = cluster.server.replace(/\/+$/, "");
  return { server, proxyUrl, tls, headers, namespace, fingerprint: fingerprintOf(server, proxyUrl, tls) };
}

/** What client-node's plug-ins set. */
interface PluginOptions {
  readonly headers: Record<string, string>;
  cert?: string;
  key?: string;
}

function fileOrData(file: string | undefined, data: string | undefined): Promise<Buffer> | Buffer | null {
  if (file) return readRegularFile(file);
  return data ? ownBytes(Buffer.from(data, "base64")) : null;
}

async function headersOf(
  user: User | null,
  { headers: fromPlugin }: PluginOptions,
  tokenFile: string | null,
): Promise<Record<string, string>> {
  const headers: Record<string, string> = {};
  // Tokens that were read from files often end in a line break, which no header may carry.
  for (const [name, value] of Object.entries(fromPlugin)) headers[name.toLowerCase()] = value.trim();
  if (user?.impersonateUser) headers["impersonate-user"] = user.impersonateUser;
  if (user?.username) headers["authorization"] = basic(user.username, user.password ?? "");
  if (user?.token) headers["authorization"] = `Bearer ${user.token.trim()}`;
  if (tokenFile !== null)
    headers["authorization"] = `Bearer ${(await readRegularFile(tokenFile)).toString("utf8").trim()}`;
  return headers;
}

function basic(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
}

function fingerprintOf(server: string, proxyUrl: string | null, tls: TlsMaterial): string {
  const hash = createHash("sha256");
  for (const part of [server, proxyUrl ?? "", tls.ca, tls.cert, tls.key, tls.servername, tls.rejectUnauthorized]) {
    hash.update(part instanceof Buffer ? part : String(part ?? "")).update("\0");
  }
  return hash.digest("hex");
}
