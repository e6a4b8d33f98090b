import { BlockList, isIP } from "node:net";

/** Where a server listens. */
export interface ListenAddress {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

const HOST_AND_PORT = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9][A-Za-z0-9.-]{0,252})):(\d{1,5})$/;

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** `host:port`, an IPv6 address in brackets; null where the text is none. */
export function parseListenAddress(text: string): ListenAddress | null {
  const match = HOST_AND_PORT.exec(text.trim());
  if (match === null) return null;
  const [, bracketed, plain = "", digits] = match;
  const port = Number(digits);
  const valid = port <= 65_535 && (bracketed === undefined ? !isBrokenIpv4(plain) : isIP(bracketed) === 6);
  return valid ? { host: bracketed ?? plain, port } : null;
}

/** Whether nobody but this machine can reach the address. */
export function isLoopback({ host }: ListenAddress): boolean {
  const family = isIP(host);
  if (family === 0) return host.toLowerCase() === "localhost";
  return loopback.check(host, family === 4 ? "ipv4" : "ipv6");
}

/** Digits and dots alone that are no address: a typing error rather than a name. */
function isBrokenIpv4(host: string): boolean {
  return /^[\d.]+$/.test(host) && isIP(host) === 0;
}
