import { isLoopback, parseHostPort } from "../lib/net.ts";

/** Names that are in no name server, and that browsers resolve to this machine (RFC 6761, section 6.3). */
const BELOW_LOCALHOST = /\.localhost\.?$/i;

/**
 * Whether a Host header names this machine itself. A page from elsewhere can make a browser ask a server on loopback
 * under a name of its own that resolves there (DNS rebinding); such a request carries that name.
 */
export function isLocalHost(header: string | undefined): boolean {
  const host = parseHostPort(header ?? "")?.host ?? "";
  return isLoopback(host) || BELOW_LOCALHOST.test(host);
}
