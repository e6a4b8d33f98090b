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
/** Certificates from a caller's own up to its authority. */
const MAX_CHAIN = 8;
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

  function begin(socket: Socket): void {
    const owner = peerOf(socket.remoteAddress ?? "");
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
    end(socketBelow(socket));
    if (socket.getPeerX509Certificate() === undefined) return;
    if (socket.authorized) {
      known.add(socket);
      socket.once("close", () => known.delete(socket));
      return;
    }
    const { authorizationError: reason } = socket;
    logger.warn({ peer: peerOf(socket.remoteAddress ?? ""), reason: String(reason) }, "client certificate refused");
    socket.destroy();
  }

  server.on("connection", begin);
  server.on("secureConnection", secured);
  server.on("tlsClientError", (error, socket) => {
    logger.debug({ peer: peerOf(socket.remoteAddress ?? ""), reason: codeOf(error) }, "TLS handshake failed");
  });
  server.setSecureContext(contextOf(certificates.current()));
  certificates.onChange((changed) => {
    server.setSecureContext(contextOf(changed));
    // A caller whose authority has gone connects again, and is refused; one whose authority stays goes on.
    for (const socket of known) if (!isIssuedBy(socket, changed.clientAuthorities)) socket.destroy();
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

/** Whether one of the authorities has issued the certificate of the caller, or one in its chain. */
function isIssuedBy(socket: TLSSocket, authorities: readonly X509Certificate[]): boolean {
  let certificate = socket.getPeerX509Certificate();
  for (let depth = 0; certificate !== undefined && depth < MAX_CHAIN; depth++) {
    const link = certificate;
    if (authorities.some((each) => link.checkIssued(each) && link.verify(each.publicKey))) return true;
    certificate = link.issuerCertificate;
  }
  return false;
}

/** Node has no public name for it. */
function socketBelow(socket: TLSSocket): Socket {
  const below: unknown = Reflect.get(socket, "_parent");
  if (below instanceof Socket) return below;
  throw new TypeError("Node keeps the socket below TLS elsewhere than version 24");
}

function codeOf(error: Error): string {
  return "code" in error ? String(error.code) : error.name;
}
