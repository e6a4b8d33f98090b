import type { X509Certificate } from "node:crypto";
import { Socket } from "node:net";
import type { SecureContextOptions, Server, TLSSocket, TlsOptions } from "node:tls";
import { createFairPool } from "../lib/concurrency.ts";
import { peerOf } from "../lib/net.ts";
import type { Clock, Logger } from "../ports.ts";
import type { CertificateSource } from "./certificate-source.ts";
import type { TlsMaterial } from "./tls-files.ts";

/** The certificates of a server and of its callers. */
export interface ServerTls {
  readonly certificates: CertificateSource;
  /** Whether callers may, or have to, show a certificate of their own. */
  readonly clientCertificates: "none" | "optional" | "required";
}

/** Collaborators of a server with TLS. */
export interface TlsServerDeps {
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Handshakes that may be under way at one time; each holds about 50 kB. */
const MAX_HANDSHAKES = 256;
/** Time in ms that a handshake may take. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** Time in ms after which a handshake is evicted for another. */
const STALL_MS = 1_000;
/** Refused certificates of one peer are logged once in this time, in ms. */
const LOG_INTERVAL_MS = 60_000;
const MAX_LOGGED = 1_000;
/** So that sessions can be resumed although client certificates are requested. */
const SESSION_ID_CONTEXT = "lab-images";

/** Options of a `tls.Server` with this protocol, which gets its certificates from `secureServer`. */
export function tlsOptions(protocol: "h2" | "http/1.1", { clientCertificates }: ServerTls): TlsOptions {
  return {
    ALPNProtocols: [protocol],
    requestCert: clientCertificates !== "none",
    rejectUnauthorized: clientCertificates === "required",
    minVersion: "TLSv1.2",
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    sessionIdContext: SESSION_ID_CONTEXT,
  };
}

/** What a connection began with. */
interface Beginning {
  /** Kept, since a socket that is closed no longer has an address. */
  readonly peer: string;
  /** The handshake keeps to it, also where other certificates are loaded meanwhile. */
  readonly material: TlsMaterial;
}

/**
 * Gives a server its certificates, bounds its handshakes, and refuses client certificates that none of the authorities has
 * issued: whoever is connected shows a certificate of theirs, or none where it is optional. Returns a function that cuts the
 * handshakes under way, for the end of the server.
 */
export function secureServer(
  server: Server,
  { certificates }: ServerTls,
  { logger, clock }: TlsServerDeps,
): () => void {
  const handshakes = new Map<Socket, () => void>();
  const places = createFairPool(MAX_HANDSHAKES);
  /** Connections whose callers have shown a certificate. */
  const known = new Set<TLSSocket>();
  const beginnings = new WeakMap<Socket, Beginning>();
  /** When a refused certificate of a peer was logged last. */
  const logged = new Map<string, number>();

  function begin(socket: Socket): void {
    const owner = peerOf(socket.remoteAddress ?? "");
    beginnings.set(socket, { peer: owner, material: certificates.current() });
    const since = clock.monotonicTime();
    const holder = {
      yields: () => clock.monotonicTime() - since >= STALL_MS,
      evict: () => void socket.destroy(),
    };
    const place = places.take({ owner, member: socket, amount: 1 }, holder);
    if (place === null) return void socket.destroy();
    handshakes.set(socket, place.release);
    socket.once("close", () => end(socket));
  }

  function end(socket: Socket): void {
    handshakes.get(socket)?.();
    handshakes.delete(socket);
  }

  function secured(socket: TLSSocket): void {
    const below = socketBelow(socket);
    const { peer = "", material } = beginnings.get(below) ?? {};
    // It holds a key, which shall not stay in memory for as long as the connection.
    beginnings.delete(below);
    end(below);
    if (socket.getPeerX509Certificate() === undefined) return;
    if (!socket.authorized) {
      warnOfRefusal(peer, socket.authorizationError);
      socket.destroy();
      return;
    }
    // Judged by authorities that may have been dropped since: the caller connects again, and is judged by those of now.
    if (material !== certificates.current()) return void socket.destroy();
    known.add(socket);
    socket.once("close", () => known.delete(socket));
  }

  function failed(error: Error, socket: TLSSocket): void {
    const below = parentOf(socket);
    const { peer = "" } = (below && beginnings.get(below)) ?? {};
    // Where certificates are required, Node itself ends the connection, and its error says no more than that.
    if (socket.authorizationError) warnOfRefusal(peer, socket.authorizationError);
    else logger.debug({ peer, reason: codeOf(error) }, "TLS handshake failed");
  }

  function warnOfRefusal(peer: string, reason: unknown): void {
    const now = clock.monotonicTime();
    if (now - (logged.get(peer) ?? Number.NEGATIVE_INFINITY) < LOG_INTERVAL_MS) return;
    logged.delete(peer);
    const [oldest] = logged.keys();
    if (logged.size >= MAX_LOGGED && oldest !== undefined) logged.delete(oldest);
    logged.set(peer, now);
    logger.warn({ peer, reason: String(reason) }, "client certificate refused");
  }

  let authorities = certificates.current().clientAuthorities;
  server.on("connection", begin);
  server.on("secureConnection", secured);
  server.on("tlsClientError", failed);
  server.setSecureContext(contextOf(certificates.current()));
  certificates.onChange((changed) => {
    server.setSecureContext(contextOf(changed));
    const isDropped = !includesAll(changed.clientAuthorities, authorities);
    authorities = changed.clientAuthorities;
    if (!isDropped) return;
    // Node hides from a server the intermediate certificates that a caller has shown: whoever has no certificate directly
    // from one of the authorities connects again, and is refused where the dropped one stood behind it.
    for (const socket of known) if (!isIssuedBy(socket, authorities)) socket.destroy();
  });
  return () => {
    for (const socket of handshakes.keys()) socket.destroy();
  };
}

function contextOf({ cert, key, clientAuthorities }: TlsMaterial): SecureContextOptions {
  const ca = clientAuthorities.map((authority) => authority.toString());
  return {
    cert,
    key,
    ...(ca.length === 0 ? {} : { ca }),
    minVersion: "TLSv1.2",
    sessionIdContext: SESSION_ID_CONTEXT,
  };
}

function includesAll(authorities: readonly X509Certificate[], others: readonly X509Certificate[]): boolean {
  const fingerprints = new Set(authorities.map(({ fingerprint256 }) => fingerprint256));
  return others.every(({ fingerprint256 }) => fingerprints.has(fingerprint256));
}

/** Whether one of the authorities has issued the certificate of the caller, with no intermediate one. */
function isIssuedBy(socket: TLSSocket, authorities: readonly X509Certificate[]): boolean {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return false;
  return authorities.some((each) => certificate.checkIssued(each) && certificate.verify(each.publicKey));
}

function socketBelow(socket: TLSSocket): Socket {
  const below = parentOf(socket);
  if (below !== null) return below;
  throw new TypeError("Node keeps the socket below TLS elsewhere than version 24");
}

/** Node has no public name for it. */
function parentOf(socket: TLSSocket): Socket | null {
  const below: unknown = Reflect.get(socket, "_parent");
  return below instanceof Socket ? below : null;
}

function codeOf(error: Error): string {
  return "code" in error ? String(error.code) : error.name;
}
