import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import {
  bitString,
  boolean,
  context,
  type Der,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  utcTime,
  utf8String,
} from "./der.ts";

/** A certificate and its private key, both PEM. */
export type CertificateAndKey = {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
};

/** A self-made authority: lives for one test run, and signs with a key that never leaves the process. */
export type CertificateAuthority = {
  readonly certificatePem: string;
  /** Issues a server certificate for the given DNS names and IP addresses. */
  issueServerCertificate(hosts: readonly string[]): CertificateAndKey;
  /** Issues a client certificate with these alternative names: DNS names, and URIs, which have a colon. */
  issueClientCertificate(names: readonly string[], options?: ClientCertificateOptions): CertificateAndKey;
};

export type ClientCertificateOptions = {
  readonly commonName?: string;
  /** Time in ms from now at which it ends. */
  readonly lifetimeMs?: number;
};

type Subject = {
  readonly commonName: string;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Der[];
  readonly lifetimeMs?: number;
};

type Issuer = { readonly commonName: string; readonly privateKey: KeyObject };

const MINUTE_MS = 60_000;
const LIFETIME_MS = 7 * 24 * 60 * MINUTE_MS;

const OID = {
  commonName: "2.5.4.3",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
} as const;

/** Key usage bits of RFC 5280, section 4.2.1.3, with the count of unused bits in front. */
const KEY_USAGE_SIGN_CERTIFICATES = Buffer.from([0x02, 0x04]);
const KEY_USAGE_DIGITAL_SIGNATURE = Buffer.from([0x07, 0x80]);

/**
 * Makes a certificate authority with a fresh P-256 key.
 *
 * Written on node:crypto alone, which signs but does not build certificates, so that the tests need no openssl on the
 * machine. The name gets a random part: two authorities never share a name, so a client that trusts one of them fails
 * on the other as it would with foreign certificates.
 */
export function createCertificateAuthority(name: string): CertificateAuthority {
  const commonName = `${name} ${randomBytes(4).toString("hex")}`;
  const { publicKey, privateKey } = newKeyPair();
  const issuer = { commonName, privateKey };
  const extensions = [
    extension(OID.basicConstraints, sequence(boolean(true)), true),
    extension(OID.keyUsage, bitString(KEY_USAGE_SIGN_CERTIFICATES, "counted"), true),
  ];
  return {
    certificatePem: certificate({ commonName, publicKey, extensions }, issuer),
    issueServerCertificate: (hosts) => issueServerCertificate(issuer, hosts),
    issueClientCertificate: (names, options) => issueClientCertificate(issuer, names, options),
  };
}

/** A P-256 key pair as PEM, of the kind that signs and verifies service-account tokens. */
export function createSigningKey(): {
  readonly privateKeyPem: string;
  readonly publicKeyPem: string;
} {
  const { publicKey, privateKey } = newKeyPair();
  return {
    privateKeyPem: exportPrivateKey(privateKey),
    publicKeyPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
}

function issueServerCertificate(issuer: Issuer, hosts: readonly string[]): CertificateAndKey {
  const { publicKey, privateKey } = newKeyPair();
  const extensions = [
    extension(OID.keyUsage, bitString(KEY_USAGE_DIGITAL_SIGNATURE, "counted")),
    extension(OID.extendedKeyUsage, sequence(objectIdentifier(OID.serverAuth))),
    extension(OID.subjectAltName, sequence(...hosts.map(generalName))),
  ];
  const commonName = hosts[0] ?? "server";
  return {
    certificatePem: certificate({ commonName, publicKey, extensions }, issuer),
    privateKeyPem: exportPrivateKey(privateKey),
  };
}

function issueClientCertificate(
  issuer: Issuer,
  names: readonly string[],
  { commonName = "client", lifetimeMs = LIFETIME_MS }: ClientCertificateOptions = {},
): CertificateAndKey {
  const { publicKey, privateKey } = newKeyPair();
  const extensions = [
    extension(OID.keyUsage, bitString(KEY_USAGE_DIGITAL_SIGNATURE, "counted")),
    extension(OID.extendedKeyUsage, sequence(objectIdentifier(OID.clientAuth))),
    ...(names.length === 0 ? [] : [extension(OID.subjectAltName, sequence(...names.map(generalName)))]),
  ];
  return {
    certificatePem: certificate({ commonName, publicKey, extensions, lifetimeMs }, issuer),
    privateKeyPem: exportPrivateKey(privateKey),
  };
}

function newKeyPair(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

/** SEC1 form: what kube-apiserver's own tools write, and all of its key readers accept. */
function exportPrivateKey(key: KeyObject): string {
  return key.export({ type: "sec1", format: "pem" }).toString();
}

/** A version 3 certificate, RFC 5280 section 4.1, signed by the issuer, as PEM. */
function certificate(subject: Subject, issuer: Issuer): string {
  const { lifetimeMs = LIFETIME_MS } = subject;
  const algorithm = sequence(objectIdentifier(OID.ecdsaWithSha256));
  const toBeSigned = sequence(
    context(0, integer(Buffer.from([2]))),
    integer(randomBytes(16)),
    algorithm,
    distinguishedName(issuer.commonName),
    sequence(utcTime(new Date(Date.now() - 5 * MINUTE_MS)), utcTime(new Date(Date.now() + lifetimeMs))),
    distinguishedName(subject.commonName),
    subject.publicKey.export({ type: "spki", format: "der" }),
    context(3, sequence(...subject.extensions)),
  );
  const signature = sign("sha256", toBeSigned, issuer.privateKey);
  return pem(sequence(toBeSigned, algorithm, bitString(signature)));
}

function distinguishedName(commonName: string): Der {
  return sequence(set(sequence(objectIdentifier(OID.commonName), utf8String(commonName))));
}

function extension(id: string, value: Der, critical = false): Der {
  const flag = critical ? [boolean(true)] : [];
  return sequence(objectIdentifier(id), ...flag, octetString(value));
}

/** A subject alternative name, RFC 5280 section 4.2.1.6: an IPv4 address (tag 7), a URI (tag 6) or a DNS name (tag 2). */
function generalName(host: string): Der {
  if (host.includes(":")) return context(6, Buffer.from(host, "ascii"), "primitive");
  return isIP(host) === 4
    ? context(7, Buffer.from(host.split(".").map(Number)), "primitive")
    : context(2, Buffer.from(host, "ascii"), "primitive");
}

function pem(der: Der): string {
  const lines = der.toString("base64").replace(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
