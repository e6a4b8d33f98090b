import { RegistryDeniedError } from "../../domain/errors.ts";
import { quotePeer } from "../../lib/redact.ts";
import { hostWithPort, mayCarrySecrets, type RegistryAddress, shownHost } from "../oci/registry-address.ts";

/** A token service that may be asked. */
export interface Realm {
  /** Without the user name and password that a challenge may put into it. */
  readonly url: URL;
  /**
   * Whether the registry alone names this host: it is asked for anonymous tokens only, and on private addresses only
   * where the registry is on one too (field case F11).
   */
  readonly foreign: boolean;
}

/**
 * A registry behind a TLS proxy takes itself for one that speaks plain http, and names its token service so. Asked over
 * https, nothing leaks.
 */
function withRegistryScheme(url: URL, origin: URL): URL {
  if (url.protocol !== "http:" || origin.protocol !== "https:" || url.hostname !== origin.hostname) return url;
  const secure = new URL(url);
  secure.protocol = "https:";
  return secure;
}

/** Credentials are configured, and the configuration does not say that they may go there. */
export function otherHost(url: URL): RegistryDeniedError {
  return new RegistryDeniedError(
    `the registry names a token service on another host, ${shownHost(url)}; images.source.tokenHosts does not allow it`,
  );
}

/**
 * The token service that a challenge names. A relative realm is one of the registry itself. Throws a RegistryDeniedError
 * where it must not be asked: credentials go to the registry's own host and to those of the configuration alone, and
 * nothing goes over plain http to another machine.
 */
export function allowedRealm(text: string, address: RegistryAddress, hasCredentials: boolean): Realm {
  const parsed = URL.parse(text.trim(), address.origin);
  if (parsed === null) throw new RegistryDeniedError("the registry names a token service that is no URL");
  const url = withRegistryScheme(parsed, new URL(address.origin));
  // Credentials are those of the configuration, whatever a challenge says.
  url.username = "";
  url.password = "";
  url.hash = "";
  url.hostname = url.hostname.replace(/\.$/, "");
  if (!mayCarrySecrets(url)) {
    const what = url.host === "" ? quotePeer(url.protocol) : shownHost(url);
    throw new RegistryDeniedError(`the registry names a token service that is not https, on ${what}`);
  }
  if (address.realmHosts.has(hostWithPort(url))) return { url, foreign: false };
  if (hasCredentials) throw otherHost(url);
  return { url, foreign: true };
}
