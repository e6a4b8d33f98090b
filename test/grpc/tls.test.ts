import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { type TestContext, test } from "node:test";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { type ChannelCredentials, credentials } from "@grpc/grpc-js";
import { type CertificateSource, openCertificates } from "../../src/access/certificate-source.ts";
import type { ServerTls } from "../../src/access/tls-server.ts";
import type { Clock } from "../../src/ports.ts";
import { type CertificateAndKey, createCertificateAuthority } from "../cluster/certificates.ts";
import { alertRecorder } from "../support/alert-recorder.ts";
import { eventually } from "../support/eventually.ts";
import { type MountedFiles, mountFiles, pairFiles } from "../support/tls-files.ts";
import { ask, failure, receive } from "./support/calls.ts";
import { fakeState, snapshotOf } from "./support/fake-state.ts";
import { createIntermediateAuthority } from "./support/intermediate-authority.ts";
import { keepingLogger, realClock, startServer } from "./support/running-server.ts";

const authority = createCertificateAuthority("servers");
const clients = createCertificateAuthority("clients");
const strangers = createCertificateAuthority("strangers");
const pair = authority.issueServerCertificate(["127.0.0.1", "localhost"]);

async function startTls(
  context: TestContext,
  clientCertificates: ServerTls["clientCertificates"] = "none",
  clock: Clock = realClock,
) {
  const files = await mountFiles(context, pairFiles(pair, clients.certificatePem));
  const certificates = await open(context, files);
  const state = fakeState(snapshotOf(1, { images: [] }));
  const running = await startServer(context, { state, tls: { certificates, clientCertificates }, clock });
  return { ...running, files, certificates };
}

async function open(context: TestContext, files: MountedFiles): Promise<CertificateSource> {
  const certificates = await openCertificates({
    key: "grpc.tls",
    files,
    clock: { ...realClock, schedule: (ms, callback) => realClock.schedule(ms / 1_000, callback) },
    logger: keepingLogger([]),
    alerts: alertRecorder(),
    observeNotAfter: () => undefined,
  });
  context.after(() => certificates.stop());
  return certificates;
}

function channel(client?: CertificateAndKey): ChannelCredentials {
  const root = Buffer.from(authority.certificatePem);
  if (client === undefined) return credentials.createSsl(root);
  return credentials.createSsl(root, Buffer.from(client.privateKeyPem), Buffer.from(client.certificatePem));
}

function clientOptions({ certificatePem, privateKeyPem }: CertificateAndKey): ConnectionOptions {
  return { cert: certificatePem, key: privateKeyPem };
}

/** A TLS connection by hand; rejects where the handshake fails. */
async function handshake(context: TestContext, port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: "127.0.0.1", ca: authority.certificatePem, ALPNProtocols: ["h2"], ...options });
  context.after(() => socket.destroy());
  await once(socket, "secureConnect");
  return socket;
}

test("gRPC is served over TLS: calls, streams and health", async (context) => {
  const { newClient, calls } = await startTls(context);
  const client = newClient({}, channel());
  const { state } = await ask(client, client.GetMenu, {});
  assert.equal(state?.generation, 1);
  const watch = receive(client.WatchPrepullStatus({}));
  await eventually(() => assert.equal(watch.messages.length, 1));
  assert.deepEqual(
    calls.map(({ code }) => code),
    ["OK"],
  );
});

test("plaintext, TLS 1.1 and clients without HTTP/2 are not served on a port with TLS", async (context) => {
  const { client, port, newClient } = await startTls(context);
  assert.equal((await failure(ask(client, client.GetMenu, {}))).code, "UNAVAILABLE");
  const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
  await assert.rejects(handshake(context, port, old), /alert protocol version|PROTOCOL_VERSION/);
  const socket = await handshake(context, port, { ALPNProtocols: [] }).catch(() => null);
  if (socket !== null && !socket.closed) await once(socket, "close");
  const tls = newClient({}, channel());
  await ask(tls, tls.GetMenu, {});
});

test("G8: a new connection gets the new certificate, and what is open goes on", async (context) => {
  const { newClient, port, files } = await startTls(context);
  const client = newClient({}, channel());
  const watch = receive(client.WatchPrepullStatus({}));
  await eventually(() => assert.equal(watch.messages.length, 1));
  const next = authority.issueServerCertificate(["127.0.0.1", "next.example.org"]);
  await files.swap(pairFiles(next, clients.certificatePem));
  await eventually(async () => {
    const socket = await handshake(context, port);
    assert.match(socket.getPeerX509Certificate()?.subjectAltName ?? "", /next\.example\.org/);
  });
  await ask(client, client.GetMenu, {});
});

test("a caller whose authority is replaced is cut, and one whose authority stays goes on", async (context) => {
  const { newClient, files } = await startTls(context, "required");
  const watchAs = (who: ReturnType<typeof clients.issueClientCertificate>) =>
    receive(newClient({}, channel(who)).WatchPrepullStatus({}));
  const both = pairFiles(pair, clients.certificatePem + strangers.certificatePem);
  await files.swap(both);
  const stays = watchAs(clients.issueClientCertificate(["stays.example.org"]));
  await eventually(() => assert.equal(stays.messages.length, 1));
  const goes = await eventually(async () => {
    const watch = watchAs(strangers.issueClientCertificate(["goes.example.org"]));
    const first = await Promise.race([watch.ended, eventually(() => assert.equal(watch.messages.length, 1))]);
    assert.equal(first, undefined, "the second authority counts by now");
    return watch;
  });
  await files.swap(pairFiles(pair, clients.certificatePem));
  assert.equal((await goes.ended).code, "UNAVAILABLE");
  const late = newClient({}, channel(clients.issueClientCertificate(["late.example.org"])));
  await ask(late, late.GetMenu, {});
  assert.equal(await Promise.race([stays.ended, Promise.resolve(null)]), null);
});

test("an authority that is dropped is not good for a handshake that began before", async (context) => {
  const { port, files, certificates } = await startTls(context, "required");
  await files.swap(pairFiles(pair, clients.certificatePem + strangers.certificatePem));
  await eventually(() => assert.equal(certificates.current().clientAuthorities.length, 2));
  const socket = connectTcp(port, "127.0.0.1");
  await once(socket, "connect");
  // Connections are accepted in turn: once this one is served, the server has begun the handshake of the other.
  await handshake(context, port, clientOptions(clients.issueClientCertificate([])));
  await files.swap(pairFiles(pair, clients.certificatePem));
  await eventually(() => assert.equal(certificates.current().clientAuthorities.length, 1));
  const late = await handshake(context, port, { socket, ...clientOptions(strangers.issueClientCertificate([])) });
  late.on("error", () => undefined).resume();
  await eventually(() => assert.equal(late.closed, true), { withinMs: 5_000 });
});

test("a caller with an intermediate authority is cut where an authority is dropped, and by no other reload", async (context) => {
  const intermediate = createIntermediateAuthority("intermediate");
  const { newClient, files, certificates } = await startTls(context, "required");
  const reload = async (server: typeof pair, authorities: string) => {
    const { fingerprint } = certificates.current();
    await files.swap(pairFiles(server, authorities));
    await eventually(() => assert.notEqual(certificates.current().fingerprint, fingerprint));
  };
  const { certificatePem, privateKeyPem } = intermediate.issueClientCertificate(["hub.example.org"]);
  const shown = channel({ certificatePem: certificatePem + intermediate.certificatePem, privateKeyPem });
  const watched = async () => {
    const watch = receive(newClient({}, shown).WatchPrepullStatus({}));
    await eventually(() => assert.equal(watch.messages.length, 1));
    return watch;
  };
  await reload(pair, intermediate.rootPem + strangers.certificatePem);
  const first = await watched();
  const next = authority.issueServerCertificate(["127.0.0.1", "localhost"]);
  await reload(next, intermediate.rootPem + strangers.certificatePem);
  await reload(next, intermediate.rootPem + strangers.certificatePem + clients.certificatePem);
  await watched();
  assert.equal(await Promise.race([first.ended, Promise.resolve(null)]), null);
  await reload(next, intermediate.rootPem + clients.certificatePem);
  assert.equal((await first.ended).code, "UNAVAILABLE");
  const second = await watched();
  await reload(next, clients.certificatePem);
  assert.equal((await second.ended).code, "UNAVAILABLE");
  const refused = newClient({}, shown);
  assert.equal((await failure(ask(refused, refused.GetMenu, {}))).code, "UNAVAILABLE");
});

for (const mode of ["required", "optional"] as const) {
  test(`where certificates are ${mode}, refused ones are in the log with their peer, once a minute`, async (context) => {
    let skippedMs = 0;
    const clock = { ...realClock, monotonicTime: () => realClock.monotonicTime() + skippedMs };
    const { port, log } = await startTls(context, mode, clock);
    const warnings = () => log.filter(({ level }) => level === "warn");
    const refuse = async () => {
      const socket = await handshake(context, port, clientOptions(strangers.issueClientCertificate([])));
      socket.on("error", () => undefined).resume();
      await eventually(() => assert.equal(socket.closed, true));
    };
    await refuse();
    await refuse();
    await eventually(() => assert.equal(warnings().length, 1));
    assert.deepEqual(
      warnings().map(({ fields, message }) => ({ peer: fields["peer"], message })),
      [{ peer: "127.0.0.1", message: "client certificate refused" }],
    );
    assert.match(String(warnings()[0]?.fields["reason"]), /^UNABLE_TO_/);
    skippedMs = 60_000;
    await refuse();
    await eventually(() => assert.equal(warnings().length, 2));
  });
}

for (const [who, certificate] of [
  ["without a certificate", undefined],
  ["with a certificate of another authority", strangers.issueClientCertificate(["hub.example.org"])],
  ["with an expired certificate", clients.issueClientCertificate(["hub.example.org"], { lifetimeMs: -60_000 })],
  ["with a server's certificate of the servers' authority", authority.issueServerCertificate(["127.0.0.1"])],
] as const) {
  test(`where certificates are required, a caller ${who} is refused`, async (context) => {
    const { newClient } = await startTls(context, "required");
    const client = newClient({}, channel(certificate));
    assert.equal((await failure(ask(client, client.GetMenu, {}))).code, "UNAVAILABLE");
    const known = newClient({}, channel(clients.issueClientCertificate(["hub.example.org"])));
    await ask(known, known.GetMenu, {});
  });
}

test("where certificates are optional, none is as good as a valid one, and one of strangers is refused", async (context) => {
  const { newClient, log } = await startTls(context, "optional");
  for (const certificate of [undefined, clients.issueClientCertificate([])]) {
    const client = newClient({}, channel(certificate));
    await ask(client, client.GetMenu, {});
  }
  const stranger = newClient({}, channel(strangers.issueClientCertificate(["hub.example.org"])));
  assert.equal((await failure(ask(stranger, stranger.GetMenu, {}))).code, "UNAVAILABLE");
  assert.ok(log.some(({ message }) => message === "client certificate refused"));
});

test("handshakes that do not go on hold up neither other callers nor the end of the server", async (context) => {
  const { newClient, server, port } = await startTls(context);
  const idle = Array.from({ length: 300 }, () => connectTcp(port, "127.0.0.1"));
  context.after(() => idle.forEach((socket) => void socket.destroy()));
  for (const socket of idle) socket.on("error", () => undefined);
  await Promise.all(idle.slice(0, 200).map((socket) => (socket.connecting ? once(socket, "connect") : null)));
  const client = newClient({}, channel());
  await eventually(() => ask(client, client.GetMenu, {}));
  client.close();
  const startedAt = performance.now();
  await server.shutdown(5_000);
  assert.ok(performance.now() - startedAt < 4_000, "no handshake is waited for");
});
