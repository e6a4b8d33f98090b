import assert from "node:assert/strict";
import { once } from "node:events";
import { get, type RequestOptions } from "node:https";
import { type TestContext, test } from "node:test";
import { openCertificates } from "../../src/access/certificate-source.ts";
import type { ServerTls } from "../../src/access/tls-server.ts";
import { createCertificateAuthority } from "../cluster/certificates.ts";
import { keepingLogger, realClock } from "../grpc/support/running-server.ts";
import { alertRecorder } from "../support/alert-recorder.ts";
import { eventually } from "../support/eventually.ts";
import { mountFiles, pairFiles } from "../support/tls-files.ts";
import { rawHttp } from "./support/raw-http.ts";
import { startHttp } from "./support/running-server.ts";

const authority = createCertificateAuthority("servers");
const clients = createCertificateAuthority("clients");

async function startTls(context: TestContext, clientCertificates: ServerTls["clientCertificates"]) {
  const pair = authority.issueServerCertificate(["127.0.0.1", "localhost"]);
  const files = await mountFiles(context, pairFiles(pair, clients.certificatePem));
  const certificates = await openCertificates({
    key: "http.tls",
    files,
    clock: { ...realClock, schedule: (ms, callback) => realClock.schedule(ms / 1_000, callback) },
    logger: keepingLogger([]),
    alerts: alertRecorder(),
    observeNotAfter: () => undefined,
  });
  context.after(() => certificates.stop());
  return { ...(await startHttp(context, { tls: { certificates, clientCertificates } })), files };
}

async function fetchTls(port: number, path: string, options: RequestOptions = {}) {
  const request = get({ port, host: "127.0.0.1", path, ca: authority.certificatePem, agent: false, ...options });
  const [response] = await once(request, "response");
  const certificate: unknown = response.socket.getPeerX509Certificate().subjectAltName;
  let body = "";
  for await (const chunk of response) body += String(chunk);
  return { status: Number(response.statusCode), body, names: String(certificate) };
}

test("HTTP is served over TLS, with its limits, and to a probe without certificate", async (context) => {
  const { port } = await startTls(context, "optional");
  assert.equal((await fetchTls(port, "/livez")).body, "live\n");
  assert.equal((await fetchTls(port, "/spawner/v1/images")).status, 200);
  const plain = await rawHttp(context, port);
  plain.socket.write("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await eventually(() => assert.equal(plain.closed, true));
  assert.deepEqual(plain.statuses(), []);
});

test("G8: HTTP uses a certificate that has been swapped", async (context) => {
  const { port, files } = await startTls(context, "none");
  await files.swap(pairFiles(authority.issueServerCertificate(["127.0.0.1", "next.example.org"])));
  // The authorities of clients are gone with the swap: the last good files stay.
  await eventually(async () => assert.match((await fetchTls(port, "/livez")).names, /127\.0\.0\.1/));
  await files.swap(
    pairFiles(authority.issueServerCertificate(["127.0.0.1", "later.example.org"]), clients.certificatePem),
  );
  await eventually(async () => assert.match((await fetchTls(port, "/livez")).names, /later\.example\.org/));
});
