import { BlockList, isIP } from "node:net";
import { RegistryUnavailableError } from "../../domain/errors.ts";
import { isLoopback } from "../../lib/net.ts";

/** A proxy of the environment. */
export interface HttpProxy {
  /** Scheme, host and port. */
  readonly origin: string;
  /** For messages: nothing else of the URL may stand in one. */
  readonly host: string;
  /** The value of `Proxy-Authorization`; null where the URL has no user. */
  readonly authorization: string | null;
}

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that stands for itself.
    return text;
  }
}

function authorizationOf({ username, password }: URL): string | null {
  if (username === "" && password === "") return null;
  return `Basic ${Buffer.from(`${unescaped(username)}:${unescaped(password)}`).toString("base64")}`;
}

/** `name` is the variable's: its value may hold a password and is not quoted. `host:port` is an http proxy. */
function parseProxy(name: string, text: string): HttpProxy {
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  if (url === null || url.hostname === "") {
    const hint = text.includes("@") ? "; special characters in its password have to be percent-encoded" : "";
    throw new RegistryUnavailableError(`the proxy of ${name} cannot be used: it is no URL${hint}`);
  }
  if (DEFAULT_PORTS[url.protocol] === undefined) {
    throw new RegistryUnavailableError(`the proxy of ${name} cannot be used: it is neither an http nor an https proxy`);
  }
  return { origin: url.origin, host: url.host, authorization: authorizationOf(url) };
}

function isInSubnet(address: string, network: string, prefix: number): boolean {
  const [family, networkFamily] = [isIP(address), isIP(network)];
  if (family === 0 || networkFamily === 0 || !(prefix <= (networkFamily === 4 ? 32 : 128))) return false;
  const subnet = new BlockList();
  subnet.addSubnet(network, prefix, networkFamily === 4 ? "ipv4" : "ipv6");
  return subnet.check(address, family === 4 ? "ipv4" : "ipv6");
}

/** Whether a name is that of an entry, or below it; `*` stands for anything, so `*.example.com` is what is below alone. */
function isNameMatch(host: string, entry: string): boolean {
  if (entry.includes("*")) {
    const [first = "", ...rest] = entry.split("*");
    let position = first.length;
    if (!host.startsWith(first)) return false;
    for (const [index, part] of rest.entries()) {
      const found = index === rest.length - 1 ? host.length - part.length : host.indexOf(part, position);
      if (found < position || !host.startsWith(part, found)) return false;
      position = found + part.length;
    }
    return true;
  }
  const name = entry.replace(/^\.+/, "");
  return name !== "" && (host === name || host.endsWith(`.${name}`));
}

/** Parses `host`, `host:port`, an IPv6 address with brackets or without. */
function splitEntry(entry: string): { readonly host: string; readonly port: string | null } {
  if (isIP(entry) !== 0) return { host: entry, port: null };
  const [, host = entry, port = null] = /^(.*):(\d+)$/.exec(entry) ?? [];
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port };
}

/** One entry of `NO_PROXY`. `host` is in lower case, without brackets and trailing dot. */
function isExcepted(entry: string, host: string, port: string): boolean {
  const [, network = "", prefix = ""] = /^\[?([0-9a-f:.]+)\]?\/(\d{1,3})$/.exec(entry) ?? [];
  if (network !== "") return isInSubnet(host, network, Number(prefix));
  // Some write URLs.
  const wanted = splitEntry(entry.replace(/^[a-z]+:\/\//, "").replace(/\/.*$/, ""));
  if (wanted.port !== null && wanted.port !== port) return false;
  const family = isIP(wanted.host);
  if (family !== 0) return isInSubnet(host, wanted.host, family === 4 ? 32 : 128);
  return isNameMatch(host, wanted.host.replace(/\.$/, ""));
}

/** The first variable that is set to something; names in lower case come first, as they do for curl. */
function variable(environment: Environment, name: string): readonly [name: string, value: string] {
  for (const spelling of [name, name.toUpperCase()]) {
    const value = environment[spelling]?.trim() ?? "";
    if (value !== "") return [spelling, value];
  }
  return [name, ""];
}

/**
 * The proxy for a URL by `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`; null where it is asked directly, as loopback always
 * is. `NO_PROXY` has the forms that curl and Go's programs know: names, which hold for what is below them as well,
 * addresses, subnets, `*`, each with a port or without. Throws a RegistryUnavailableError where the variable that
 * counts names no proxy that can be used.
 */
export function proxyFor(url: URL, environment: Environment): HttpProxy | null {
  if (isLoopback(url.hostname)) return null;
  const [name, value] = variable(environment, url.protocol === "https:" ? "https_proxy" : "http_proxy");
  if (value === "") return null;
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  const port = url.port === "" ? (DEFAULT_PORTS[url.protocol] ?? "") : url.port;
  const [, exceptions] = variable(environment, "no_proxy");
  const entries = exceptions
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== "");
  return entries.some((entry) => isExcepted(entry, host, port)) ? null : parseProxy(name, value);
}
