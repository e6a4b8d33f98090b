import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { openCertificates } from "../../src/access/certificate-source.ts";
import { createCertificateAuthority } from "../cluster/certificates.ts";
import { keepingLogger, type LogLine, realClock } from "../grpc/support/running-server.ts";
import { alertRecorder } from "../support/alert-recorder.ts";
import { eventually } from "../support/eventually.ts";
import { mountFiles, pairFiles } from "../support/tls-files.ts";

const authority = createCertificateAuthority("ours");
const first = authority.issueServerCertificate(["first.example.org"]);
const second = authority.issueServerCertificate(["second.example.org"]);

/** A day passes in about a minute and a half. */
const hurried = {
  ...realClock,
  schedule: (ms: number, callback: () => void) => realClock.schedule(ms / 1_000, callback),
};

async function follow(context: TestContext, clientCA?: string) {
  const files = await mountFiles(context, pairFiles(first, clientCA));
  const alerts = alertRecorder();
  const log: LogLine[] = [];
  const ends = new Map<string, number>();
  const source = await openCertificates({
    key: "grpc.tls",
    files: { ...files, clientCAFile: clientCA === undefined ? null : files.clientCAFile },
    clock: hurried,
    logger: keepingLogger(log),
    alerts,
    observeNotAfter: (file, notAfterMs) => void ends.set(file, notAfterMs),
  });
  context.after(() => source.stop());
  const inForce = () => source.current().cert.toString();
  const isInForce = (pem: string) => eventually(() => assert.equal(inForce(), pem));
  const isAlerted = (reason: RegExp) => eventually(() => assert.match(alerts.raised.at(-1)?.message ?? "", reason));
  const isResolved = () => eventually(() => assert.deepEqual(alerts.active(), []));
  return { files, source, alerts, log, ends, inForce, isInForce, isAlerted, isResolved };
}

test("G8: a pair that is swapped as a whole is used, and reported with its end", async (context) => {
  const { files, source, alerts, log, ends, isInForce } = await follow(context);
  const changes: string[] = [];
  source.onChange(({ cert }) => void changes.push(cert.toString()));
  await files.swap(pairFiles(second));
  await isInForce(second.certificatePem);
  assert.deepEqual(changes, [second.certificatePem]);
  assert.deepEqual(alerts.raised, []);
  const end = ends.get("grpc.tls.certFile") ?? 0;
  assert.ok(end > Date.now(), "the certificate is valid");
  assert.deepEqual(
    log.map(({ message, fields }) => [message, fields["notAfter"]]),
    ["certificates loaded", "certificates reloaded"].map((message) => [message, new Date(end).toISOString()]),
  );
});

for (const [what, certificate, key, reason] of [
  ["half replaced", second.certificatePem, first.privateKeyPem, /keyFile is not the key of certFile/],
  ["cut off", second.certificatePem.slice(0, -40), second.privateKeyPem, /certFile has to hold certificates/],
  ["garbled", second.certificatePem.replace(/\n..../, "\nAAAA"), second.privateKeyPem, /cannot be parsed/],
  ["without its key", second.certificatePem, "", /keyFile holds no private key/],
  ["empty", "", "", /certFile has to hold certificates/],
] as const) {
  test(`G8: while a pair is ${what}, the last good one stays and an alert is raised`, async (context) => {
    const { files, inForce, isInForce, isAlerted, isResolved } = await follow(context);
    await writeFile(files.certFile, certificate);
    await writeFile(files.keyFile, key);
    await isAlerted(reason);
    assert.equal(inForce(), first.certificatePem);
    await files.swap(pairFiles(second));
    await isInForce(second.certificatePem);
    await isResolved();
  });
}

test("G8: while a file is missing, the last good pair stays; nothing of a key is ever said", async (context) => {
  const { files, alerts, log, inForce, isAlerted, isResolved } = await follow(context);
  await rm(files.keyFile);
  await isAlerted(/keyFile cannot be read \(ENOENT\)/);
  assert.equal(inForce(), first.certificatePem);
  await writeFile(files.keyFile, first.privateKeyPem);
  await isResolved();
  const said = JSON.stringify([alerts.raised, log]);
  for (const line of first.privateKeyPem.split("\n").filter((each) => each.length > 20)) {
    assert.ok(!said.includes(line));
  }
});

test("G8: authorities of clients that are cut off are not taken for fewer", async (context) => {
  const bundle = [authority, createCertificateAuthority("other")].map(({ certificatePem }) => certificatePem).join("");
  const { files, source, isAlerted } = await follow(context, bundle);
  assert.equal(source.current().clientAuthorities.length, 2);
  await writeFile(files.clientCAFile, bundle.slice(0, -60));
  await isAlerted(/clientCAFile has to hold certificates/);
  assert.equal(source.current().clientAuthorities.length, 2);
});

test("files that cannot be used at the start are refused with the name of their key", async (context) => {
  const files = await mountFiles(context, pairFiles({ ...first, privateKeyPem: second.privateKeyPem }));
  await assert.rejects(
    openCertificates({
      key: "grpc.tls",
      files: { ...files, clientCAFile: null },
      clock: realClock,
      logger: keepingLogger([]),
      alerts: alertRecorder(),
      observeNotAfter: () => undefined,
    }),
    { name: "TlsFileError", message: "keyFile is not the key of certFile" },
  );
});
