import { generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import { type CertificateAuthority, createCertificateAuthority } from "../../cluster/certificates.ts";
import {
  bitString,
  boolean,
  context,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  utcTime,
  utf8String,
} from "../../cluster/der.ts";

/** An authority whose own certificate is signed by a root. */
export interface IntermediateAuthority extends Pick<CertificateAuthority, "issueClientCertificate"> {
  readonly rootPem: string;
  /** Issued by the root, for callers to show after their own. */
  readonly certificatePem: string;
}

interface Name {
  readonly commonName: string;
}

const DAY_MS = 24 * 60 * 60_000;

/** Makes a root, and has it sign the key of another authority. */
export function createIntermediateAuthority(name: string): IntermediateAuthority {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const root = { commonName: `${name} root ${randomBytes(4).toString("hex")}`, privateKey };
  const authority = createCertificateAuthority(name);
  const own = new X509Certificate(authority.certificatePem);
  return {
    rootPem: authorityCertificate({ commonName: root.commonName, publicKey }, root),
    certificatePem: authorityCertificate(
      { commonName: own.subject.replace(/^CN=/, ""), publicKey: own.publicKey },
      root,
    ),
    issueClientCertificate: (names, options) => authority.issueClientCertificate(names, options),
  };
}

function authorityCertificate(
  subject: Name & { readonly publicKey: KeyObject },
  issuer: Name & { readonly privateKey: KeyObject },
): string {
  const ecdsaWithSha256 = sequence(objectIdentifier("1.2.840.10045.4.3.2"));
  const basicConstraints = sequence(objectIdentifier("2.5.29.19"), boolean(true), octetString(sequence(boolean(true))));
  const distinguished = ({ commonName }: Name) =>
    sequence(set(sequence(objectIdentifier("2.5.4.3"), utf8String(commonName))));
  const toBeSigned = sequence(
    context(0, integer(Buffer.from([2]))),
    integer(randomBytes(16)),
    ecdsaWithSha256,
    distinguished(issuer),
    sequence(utcTime(new Date(Date.now() - DAY_MS)), utcTime(new Date(Date.now() + DAY_MS))),
    distinguished(subject),
    subject.publicKey.export({ type: "spki", format: "der" }),
    context(3, sequence(basicConstraints)),
  );
  const signature = bitString(sign("sha256", toBeSigned, issuer.privateKey));
  return new X509Certificate(sequence(toBeSigned, ecdsaWithSha256, signature)).toString();
}
