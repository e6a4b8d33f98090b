import { BlockList, isIP } from "node:net";

/** A host, with a port where one is given. */
export interface HostPort {
  /** A DNS name or an IP address as it was written, IPv6 without brackets. */
  readonly host: string;
  readonly port: number | null;
}

/** Where a server listens. */
export interface ListenAddress extends HostPort {
  /** 0: any free port. */
  readonly port: number;
}

/**
 * Connections that may wait to be accepted (listen(2); the kernel cuts it to its own limit). With Node's 511 a burst of
 * connections of one peer has the handshakes of others dropped, which then take seconds.
 */
export const LISTEN_BACKLOG = 4_096;

/** What an address can reach: whatever is none of the others is public; a DNS name may be any of them. */
export type HostClass = "loopback" | "link-local" | "private" | "unspecified" | "public" | "name";

const BRACKETED = /^\[([0-9A-Fa-f:.]+)(%[\w.-]+)?\](?::(\d{1,5}))?$/;
const PLAIN = /^([\w.-]+)(?::(\d{1,5}))?$/;
/** RFC 1035, section 2.3.4, and the underscores that some internal names have. */
const LABEL = /^(?!-)[\w-]{1,63}(?<!-)$/;
const MAX_NAME_LENGTH = 253;
/** A name whose last label looks like this is read as an IPv4 address by some and as a name by others (WHATWG URL). */
const NUMERIC_LABEL = /^(?:\d+|0x[\da-f]*)$/i;

// RFC 1918, and RFC 6598 (shared address space).
const PRIVATE_IPV4 = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];
/** What a translator between IPv6 and IPv4 (RFC 6052) makes of addresses that are not public. */
const TRANSLATED = ["127.0.0.0/8", "169.254.0.0/16", "0.0.0.0/8", ...PRIVATE_IPV4].map((subnet) => {
  const [network, prefix] = subnet.split("/");
  return `64:ff9b::${network}/${96 + Number(prefix)}`;
});

const classes: readonly (readonly [HostClass, BlockList])[] = [
  ["loopback", blockList("127.0.0.0/8", "::1/128")],
  ["link-local", blockList("169.254.0.0/16", "fe80::/10")],
  // RFC 4193, and the site-local addresses that it replaced.
  ["private", blockList(...PRIVATE_IPV4, "fc00::/7", "fec0::/10", ...TRANSLATED)],
  ["unspecified", blockList("0.0.0.0/8", "::/128")],
];

function blockList(...subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network = "", prefix] = subnet.split("/");
    list.addSubnet(network, Number(prefix), familyOf(network));
  }
  return list;
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 4 ? "ipv4" : "ipv6";
}

function withoutZone(address: string): string {
  return address.replace(/%.*$/, "");
}

/** Parses `host`, `host:port`, `[ipv6]` or `[ipv6]:port`, with zone id or without; null where the text is none of them. */
export function parseHostPort(text: string): HostPort | null {
  const [, address, zone = "", portAfterAddress] = BRACKETED.exec(text) ?? [];
  const [, name = "", portAfterName] = PLAIN.exec(text) ?? [];
  const host = address === undefined ? name : `${address}${zone}`;
  const digits = portAfterAddress ?? portAfterName;
  const port = digits === undefined ? null : Number(digits);
  const isHost = address === undefined ? isNameOrIpv4(name) : isIP(host) === 6;
  return isHost && (port === null || port <= 65_535) ? { host, port } : null;
}

/** Parses the address of a server: `host:port`, where 0 is any free port. Null where the text is none. */
export function parseListenAddress(text: string): ListenAddress | null {
  const { host, port } = parseHostPort(text) ?? { host: "", port: null };
  return port === null ? null : { host, port };
}

/** `host:port` or `[ipv6]:port`, or without port. */
export function formatHostPort({ host, port }: HostPort): string {
  return `${host.includes(":") ? `[${host}]` : host}${port === null ? "" : `:${port}`}`;
}

/**
 * The class of a host, which may be in brackets, as in `URL.hostname`. An IPv6 address that maps or translates to an IPv4
 * address has the class of that.
 */
export function classOfHost(host: string): HostClass {
  const address = withoutZone(host.replace(/^\[(.*)\]$/, "$1"));
  if (isIP(address) === 0) return /^localhost\.?$/i.test(address) ? "loopback" : "name";
  const [hostClass] = classes.find(([, list]) => list.check(address, familyOf(address))) ?? ["public"];
  return hostClass;
}

/** Whether a host, which may be in brackets, is this machine, and no other can reach it: the one definition of loopback. */
export function isLoopback(host: string): boolean {
  return classOfHost(host) === "loopback";
}

/** Whether the text is an IP address, or a network such as 10.0.0.0/8. */
export function isNetwork(text: string): boolean {
  const [address = "", prefix, ...more] = text.split("/");
  const family = isIP(address);
  if (family === 0 || address.includes("%") || more.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
}

/** Returns a function that says whether an address is in one of these networks, which `isNetwork` has accepted. */
export function networkSet(networks: readonly string[]): (address: string) => boolean {
  const list = blockList(
    ...networks.map((each) => (each.includes("/") ? each : `${each}/${isIP(each) === 4 ? 32 : 128}`)),
  );
  return (address) => isIP(address) !== 0 && list.check(withoutZone(address), familyOf(address));
}

/** Whether two servers cannot both listen on their addresses: a DNS name may stand for any address, localhost for any of loopback. */
export function mayCollide(one: ListenAddress, other: ListenAddress): boolean {
  if (one.port !== other.port || one.port === 0) return false;
  const classes = [classOfHost(one.host), classOfHost(other.host)];
  if (classes.includes("unspecified") || classes.includes("name")) return true;
  const isNamed = isIP(one.host) === 0 || isIP(other.host) === 0;
  return isNamed ? classes[0] === classes[1] : isSameAddress(one.host, other.host);
}

function isSameAddress(one: string, other: string): boolean {
  const contains = (host: string, address: string) => {
    const list = new BlockList();
    list.addAddress(withoutZone(host), familyOf(host));
    return list.check(withoutZone(address), familyOf(address));
  };
  // A list with an IPv4 address contains the IPv6 address that maps it, but not the other way round.
  return contains(one, other) || contains(other, one);
}

/**
 * Whom an address counts for where something is shared out: an IPv4 address for itself, also where it is mapped; an IPv6
 * address for its first 64 bits, since one host may have any address of such a network (RFC 4291, section 2.5.4).
 */
export function peerOf(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined || isIP(address) !== 6) return mapped ?? address;
  const [front = "", back] = address.replace(/%.*$/, "").split("::");
  const groups = (text: string | undefined) => (text === undefined || text === "" ? [] : text.split(":"));
  const zeros = Math.max(0, 8 - groups(front).length - groups(back).length);
  return `${[...groups(front), ...Array<string>(zeros).fill("0")].slice(0, 4).join(":")}::/64`;
}

function isNameOrIpv4(host: string): boolean {
  const labels = host.replace(/\.$/, "").split(".");
  if (NUMERIC_LABEL.test(labels.at(-1) ?? "")) return isIP(host) === 4;
  return host.length <= MAX_NAME_LENGTH && labels.every((label) => LABEL.test(label));
}
