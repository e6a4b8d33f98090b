import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createServer, type TLSSocket } from "node:tls";
import { createCertificateAuthority } from "../cluster/certificates.ts";

/** Has issued the certificate of every front. */
export const authority = createCertificateAuthority("lab-images test");
const pair = authority.issueServerCertificate(["127.0.0.1", "registry.test", "realm.test"]);

/** The path of a file with these contents, which goes after the test. */
export async function testFile(context: TestContext, contents: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "registry-file-"));
  context.after(() => rm(directory, { recursive: true }));
  const path = join(directory, "file");
  await writeFile(path, contents);
  return path;
}

export function destroyAll(sockets: Iterable<Socket>): void {
  for (const socket of sockets) socket.destroy();
}

/** TLS in front of a server that speaks none; keeps the names of the client certificates that it was shown. */
export async function startTlsFront(context: TestContext, target: number) {
  const shown: (string | null)[] = [];
  const sockets = new Set<Socket>();
  const options = {
    key: pair.privateKeyPem,
    cert: pair.certificatePem,
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: ["h2", "http/1.1"],
  };
  const server = createServer(options, (socket: TLSSocket) => {
    const { subject } = socket.getPeerCertificate();
    shown.push(subject?.CN === undefined ? null : String(subject.CN));
    assert.equal(socket.alpnProtocol, "http/1.1");
    const upstream = connect(target, "127.0.0.1");
    for (const one of [socket, upstream]) {
      sockets.add(one);
      one.on("error", () => undefined);
      one.on("close", () => destroyAll([socket, upstream]));
    }
    socket.pipe(upstream).pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    server.close();
    destroyAll(sockets);
  });
  return { shown, port: (server.address() as AddressInfo).port };
}
