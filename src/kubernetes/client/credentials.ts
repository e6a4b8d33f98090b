import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { RequestOptions } from "node:https";
import { dirname, isAbsolute, join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { parse } from "yaml";

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
  /** The next reading is a fresh one: what was read did not lead to a server. */
  distrust(): void;
}

interface LoadedConfig {
  readonly config: KubeConfig;
  /** Token file of the current user, which client-node's parser passes over. */
  readonly tokenFile: string | null;
}

/**
 * Credentials through client-node's KubeConfig, which knows kubeconfigs, client certificates, plug-ins and the pod's
 * service account. It reads the CA and certificate files at each use and a token file once a minute; a fresh read
 * starts from nothing, so a rotated token is taken up at the first refusal, and a kubeconfig that was replaced at the
 * first connection that fails. Rejects with what the reading threw.
 */
export function createCredentialReader(source: CredentialSource): CredentialReader {
  let loaded: Promise<LoadedConfig> | null = null;

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
    distrust() {
      loaded = null;
    },
  };
}

async function load({ kubeconfig, rootPrefix = "" }: CredentialSource): Promise<LoadedConfig> {
  const config = new KubeConfig();
  if (kubeconfig === null) {
    config.loadFromCluster(rootPrefix);
    return { config, tokenFile: null };
  }
  config.loadFromFile(kubeconfig);
  const tokenFile = tokenFileOf(await readFile(kubeconfig, "utf8"), config.getCurrentUser()?.name ?? "");
  const resolved = tokenFile === null || isAbsolute(tokenFile) ? tokenFile : join(dirname(kubeconfig), tokenFile);
  return { config, tokenFile: resolved };
}

function tokenFileOf(text: string, user: string): string | null {
  const parsed = parse(text) as { users?: { name?: unknown; user?: { tokenFile?: unknown } | null }[] } | null;
  const tokenFile = parsed?.users?.find((each) => each.name === user)?.user?.tokenFile;
  return typeof tokenFile === "string" ? tokenFile : null;
}

async function credentialsOf({ config, tokenFile }: LoadedConfig): Promise<Credentials> {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error("the kubeconfig's current context names no cluster");
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const tls: TlsMaterial = {
    ...(options.ca === undefined ? {} : { ca: options.ca as Buffer }),
    ...(options.cert === undefined ? {} : { cert: options.cert as Buffer }),
    ...(options.key === undefined ? {} : { key: options.key as Buffer }),
    ...(options.servername === undefined ? {} : { servername: options.servername }),
    ...(options.rejectUnauthorized === undefined ? {} : { rejectUnauthorized: options.rejectUnauthorized }),
  };
  const headers = await headersOf(options, tokenFile);
  const proxyUrl = cluster.proxyUrl ?? null;
  if (proxyUrl !== null && !/^https?:/.test(proxyUrl)) throw new Error("only HTTP proxies are supported");
  const server = cluster.server.replace(/\/+$/, "");
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace?.trim() || null;
  return { server, proxyUrl, tls, headers, namespace, fingerprint: fingerprintOf(server, proxyUrl, tls) };
}

async function headersOf(options: RequestOptions, tokenFile: string | null): Promise<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    // Token files often end in a line break, which no header may carry.
    if (value !== undefined) headers[name.toLowerCase()] = String(value).trim();
  }
  if (typeof options.auth === "string")
    headers["authorization"] = `Basic ${Buffer.from(options.auth).toString("base64")}`;
  if (tokenFile !== null) headers["authorization"] = `Bearer ${(await readFile(tokenFile, "utf8")).trim()}`;
  return headers;
}

function fingerprintOf(server: string, proxyUrl: string | null, tls: TlsMaterial): string {
  const hash = createHash("sha256");
  for (const part of [server, proxyUrl ?? "", tls.ca, tls.cert, tls.key, tls.servername, tls.rejectUnauthorized]) {
    hash.update(part instanceof Buffer ? part : String(part ?? "")).update("\0");
  }
  return hash.digest("hex");
}
