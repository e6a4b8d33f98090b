import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { readRegularFile, UnusableFileError } from "../lib/bytes.ts";

/** Paths of the PEM files of a server (`grpc.tls`, `http.tls`). */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities of client certificates; null where none are requested. */
  readonly clientCAFile: string | null;
}

/** Content of the files: whole, and a certificate with its own key. */
export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly clientAuthorities: readonly X509Certificate[];
  /** End of the certificate's validity, in ms since the epoch. */
  readonly notAfterMs: number;
  /** Equal while the content of all files is. */
  readonly fingerprint: string;
}

/** A file cannot be used; the message names its key and the cause, never its content. */
export class TlsFileError extends Error {
  override readonly name = "TlsFileError";
}

const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----/g;
const PEM_BEGIN = /-----BEGIN /g;

/** Reads the files and checks them against each other. Error: TlsFileError. */
export async function readTlsFiles({ certFile, keyFile, clientCAFile }: TlsFiles): Promise<TlsMaterial> {
  const [cert, key, ca] = await Promise.all([
    read("certFile", certFile),
    read("keyFile", keyFile),
    clientCAFile === null ? null : read("clientCAFile", clientCAFile),
  ]);
  const [certificate] = certificatesIn("certFile", cert);
  checkPair(certificate, cert, key);
  const clientAuthorities = ca === null ? [] : certificatesIn("clientCAFile", ca);
  const hash = createHash("sha256");
  for (const part of [cert, key, ca ?? Buffer.alloc(0)]) hash.update(`${part.length}:`).update(part);
  return {
    cert,
    key,
    clientAuthorities,
    notAfterMs: Date.parse(certificate.validTo),
    fingerprint: hash.digest("base64"),
  };
}

async function read(name: string, path: string): Promise<Buffer> {
  try {
    return await readRegularFile(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
    throw new TlsFileError(`${name} cannot be read (${error instanceof UnusableFileError ? error.message : code})`);
  }
}

/** OpenSSL ignores a block that is cut off, and with it an authority: each block has to be whole. */
function certificatesIn(name: string, pem: Buffer): readonly [X509Certificate, ...X509Certificate[]] {
  const text = pem.toString("latin1");
  const blocks = [...text.matchAll(PEM_BLOCK)].filter(([, label]) => label === "CERTIFICATE");
  const begun = text.match(PEM_BEGIN)?.length ?? 0;
  try {
    const [first, ...others] = blocks.map(([block]) => new X509Certificate(block));
    if (first !== undefined && begun === 1 + others.length) return [first, ...others];
  } catch {
    throw new TlsFileError(`${name} has a certificate that cannot be parsed`);
  }
  throw new TlsFileError(`${name} has to hold certificates (PEM) and nothing else, each whole`);
}

function checkPair(certificate: X509Certificate, cert: Buffer, key: Buffer): void {
  let isPair = false;
  try {
    isPair = certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    throw new TlsFileError("keyFile holds no private key (PEM, without passphrase)");
  }
  if (!isPair) throw new TlsFileError("keyFile is not the key of certFile");
  try {
    createSecureContext({ cert, key });
  } catch {
    throw new TlsFileError("certFile and keyFile are not accepted by OpenSSL");
  }
}
