import { isLoopback, parseHostPort } from "../../lib/net.ts";
import { quotePeer } from "../../lib/redact.ts";

/** Where a repository is and by which names its credentials may be filed. */
export interface RegistryAddress {
  /** First component of references, as configured. */
  readonly registry: string;
  /** Path below the registry, as configured. */
  readonly repository: string;
  /** Scheme, host and port that requests go to. */
  readonly origin: string;
  /** Path of the repository in the registry's API: Docker Hub's official images live under `library/`. */
  readonly path: string;
  /** Names of this registry in a credentials file, best first; with port where it is not the scheme's own. */
  readonly credentialHosts: readonly string[];
  /** `host:port` of every place that may name itself as the realm of a challenge. */
  readonly realmHosts: ReadonlySet<string>;
}

export interface AddressOptions {
  readonly registry: string;
  readonly repository: string;
  /** True: plain http. False: https. Not given: plain http for loopback, https for all others. */
  readonly insecure?: boolean | undefined;
  /** `images.source.tokenHosts`: hosts, with port where it is not 443, whose token service may be used. */
  readonly tokenHosts?: readonly string[] | undefined;
}

/** All are names of one registry (field case F10), but only one of them speaks the registry API. */
const dockerHubHosts: readonly string[] = [
  "docker.io",
  "registry-1.docker.io",
  "index.docker.io",
  "registry.hub.docker.com",
  "hub.docker.com",
];
const DOCKER_HUB_API = "registry-1.docker.io";
const DOCKER_HUB_REALM = "auth.docker.io:443";

/** Names of the distribution specification: lower case, no empty or dotted-away component. */
const repositoryPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

/** Whether a secret may travel there: over TLS, or without leaving the machine. */
export function mayCarrySecrets(url: URL): boolean {
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}

/** The host for messages: a peer may have named it, in a realm, a redirect or a Link. */
export function shownHost(url: URL): string {
  return quotePeer(url.host);
}

/** `host:port`, with the scheme's own port written out, so that two URLs can be compared. */
export function hostWithPort(url: URL): string {
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  return `${url.hostname}:${port}`;
}

/** Parses `host[:port]` and nothing more; null where it is anything else. */
function urlOfHost(host: string, scheme: "http" | "https"): URL | null {
  return parseHostPort(host) === null ? null : URL.parse(`${scheme}://${host}`);
}

function realmHost(host: string): string {
  const url = urlOfHost(host, "https");
  if (url === null) throw new TypeError(`tokenHosts: expected host or host:port, got ${JSON.stringify(host)}`);
  return hostWithPort(url);
}

/** Throws a TypeError where registry, repository or a token host is not of its form. */
export function registryAddress(options: AddressOptions): RegistryAddress {
  const { registry, repository } = options;
  const parsed = urlOfHost(registry, "https");
  if (parsed === null) throw new TypeError(`registry: expected host or host:port, got ${JSON.stringify(registry)}`);
  if (!repositoryPattern.test(repository)) {
    throw new TypeError(`repository: expected lower-case components with / between, got ${JSON.stringify(repository)}`);
  }
  const realmHosts = new Set((options.tokenHosts ?? []).map(realmHost));
  if (dockerHubHosts.includes(parsed.host)) {
    const path = repository.includes("/") ? repository : `library/${repository}`;
    realmHosts.add(`${DOCKER_HUB_API}:443`).add(DOCKER_HUB_REALM);
    return {
      registry,
      repository,
      origin: `https://${DOCKER_HUB_API}`,
      path,
      credentialHosts: dockerHubHosts,
      realmHosts,
    };
  }
  const scheme = (options.insecure ?? isLoopback(parsed.hostname)) ? "http" : "https";
  const url = urlOfHost(registry, scheme) ?? parsed;
  realmHosts.add(hostWithPort(url));
  // A registry on a port of its own beside the token service, as GitLab has it by default (`gitlab.example.com:5050`).
  if (!isLoopback(url.hostname)) realmHosts.add(`${url.hostname}:443`);
  const credentialHosts = [...new Set([url.host, hostWithPort(url)])];
  return { registry, repository, origin: url.origin, path: repository, credentialHosts, realmHosts };
}
