import { promises as dns, type LookupAddress } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import type { buildConnector as Connectors } from "undici";
import { RegistryDeniedError } from "../../domain/errors.ts";
import { classOfHost } from "../../lib/net.ts";
import { buildConnector } from "../../lib/undici.ts";

/** All addresses of a name; those of an address are itself. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

const resolveBySystem: Resolve = (host) => dns.lookup(host, { all: true });

/** Whether an address is one that only this machine or its own network can reach. */
function isInternal({ address }: LookupAddress): boolean {
  return classOfHost(address) !== "public";
}

async function isInternalHost(hostname: string, resolve: Resolve): Promise<boolean> {
  try {
    const addresses = await resolve(hostname.replace(/^\[(.*)\]$/, "$1"));
    return addresses.length > 0 && addresses.every(isInternal);
  } catch {
    // Known to the proxy alone.
    return false;
  }
}

/**
 * The addresses of a host, named by somebody else, that may be connected to: loopback, link-local and private ones only
 * where all addresses of `registryHost`, as in `URL.hostname`, are such addresses too (field case F11). Rejects with a
 * RegistryDeniedError where there is none, or with the resolver's error.
 */
export async function allowedAddresses(
  host: string,
  registryHost: string,
  resolve: Resolve = resolveBySystem,
): Promise<readonly LookupAddress[]> {
  const addresses = await resolve(host);
  const open = addresses.filter((address) => !isInternal(address));
  if (open.length === addresses.length || (await isInternalHost(registryHost, resolve))) return addresses;
  if (open.length > 0) return open;
  throw new RegistryDeniedError(
    `the registry names a token service on a private address, ${host}; images.source.tokenHosts does not allow it`,
  );
}

/**
 * Opens connections to allowed addresses alone. The address that is checked is the one that is connected to, so a name
 * that resolves to another address the next time gains nothing.
 */
export function createGuardedConnector(
  registryHost: string,
  options: Connectors.BuildOptions,
  resolve: Resolve = resolveBySystem,
): Connectors.connector {
  const lookup: LookupFunction = (host, { all, family }, callback) => {
    allowedAddresses(host, registryHost, resolve).then(
      (addresses) => {
        const wanted = addresses.filter((one) => (family !== 4 && family !== 6 ? true : one.family === family));
        const [first] = wanted;
        if (all === true) callback(null, [...wanted]);
        else callback(null, first?.address ?? "", first?.family);
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error("look-up failed"), ""),
    );
  };
  const connect = buildConnector({ ...options, lookup });

  return (target, callback) => {
    // Addresses are connected to without a look-up.
    if (isIP(target.hostname) === 0) return connect(target, callback);
    allowedAddresses(target.hostname, registryHost, resolve).then(
      () => connect(target, callback),
      (error: unknown) => callback(error instanceof Error ? error : new Error("look-up failed"), null),
    );
  };
}
