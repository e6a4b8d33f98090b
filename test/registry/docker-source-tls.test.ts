import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { RegistryDeniedError, RegistryUnavailableError } from "../../src/domain/errors.ts";
import { createCertificateAuthority } from "../cluster/certificates.ts";
import { recordLog } from "./log-recorder.ts";
import { registryWith, sourceFor, unhurried } from "./source-under-test.ts";

const authority = createCertificateAuthority("lab-images test");
const pair = authority.issueServerCertificate(["127.0.0.1", "registry.test"]);
const PASSWORD = "canary-password";

let directory = "";
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "docker-source-tls-"));
});
after(() => rm(directory, { recursive: true }));

let files = 0;
async function file(contents: string): Promise<string> {
  files += 1;
  const path = join(directory, String(files));
  await writeFile(path, contents);
  return path;
}

function destroyAll(sockets: Iterable<Socket>): void {
  for (const socket of sockets) socket.destroy();
}

/** TLS in front of a server that speaks none; keeps the names of the client certificates that it was shown. */
async function startTlsFront(context: TestContext, target: number) {
  const shown: (string | null)[] = [];
  const sockets = new Set<Socket>();
  const options = {
    key: pair.privateKeyPem,
    cert: pair.certificatePem,
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: ["h2", "http/1.1"],
  };
  const server = createTlsServer(options, (socket: TLSSocket) => {
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

describe("TLS", () => {
  it("trusts an authority of one's own besides the usual ones, and nobody else", async (context) => {
    const registry = await registryWith(context, ["a"]);
    const front = await startTlsFront(context, registry.port);
    const address = `127.0.0.1:${front.port}`;
    const trusting = sourceFor(context, { registry: address, caFile: await file(authority.certificatePem) });
    assert.equal((await trusting.listTags(unhurried)).length, 1);
    const strangers = createCertificateAuthority("strangers").certificatePem;
    const options: object[] = [{ insecure: false }, { caFile: await file(strangers) }];
    for (const option of options) {
      const source = sourceFor(context, { registry: address, limits: { attempts: 1 }, ...option });
      await assert.rejects(source.listTags(unhurried), (error) => {
        assert.ok(error instanceof RegistryUnavailableError);
        assert.match(error.message, /cannot be reached \([A-Z_]*(?:CERT|SIGNATURE)[A-Z_]*\)$/);
        return true;
      });
    }
  });

  it("reads certificates again when they change, and keeps the last good ones", async (context) => {
    const registry = await registryWith(context, ["a"]);
    const front = await startTlsFront(context, registry.port);
    const caFile = await file(createCertificateAuthority("old").certificatePem);
    const log = recordLog();
    const limits = { attempts: 1 };
    const source = sourceFor(context, { registry: `127.0.0.1:${front.port}`, caFile, logger: log, limits });
    await assert.rejects(source.listTags(unhurried), RegistryUnavailableError);
    await writeFile(caFile, authority.certificatePem);
    assert.equal((await source.listTags(unhurried)).length, 1);
    await rm(caFile);
    assert.equal((await source.listTags(unhurried)).length, 1);
    assert.match(log.lines.join(), /keeping the certificates that were read before/);
  });

  it("says which configuration is at fault where a file was never readable", async (context) => {
    const source = sourceFor(context, { registry: "127.0.0.1:1", caFile: join(directory, "missing") });
    await assert.rejects(
      source.listTags(unhurried),
      /RegistryUnavailableError: a file of images\.source\.caFile, certFile or keyFile cannot be read \(ENOENT\)$/,
    );
  });

  it("shows the client certificate to the registry, and not to the token service", async (context) => {
    const registry = await registryWith(context, ["a"]);
    const tokens = await registryWith(context, []);
    const registryFront = await startTlsFront(context, registry.port);
    const tokenFront = await startTlsFront(context, tokens.port);
    tokens.behaviour.intercept = (_request, response) => {
      response.end('{"access_token":"t"}');
      return true;
    };
    registry.behaviour.intercept = (request, response) => {
      if (request.headers.authorization === "Bearer t") return false;
      const challenge = `Bearer realm="https://127.0.0.1:${tokenFront.port}/token"`;
      response.writeHead(401, { "www-authenticate": challenge }).end();
      return true;
    };
    const client = authority.issueServerCertificate(["the-client"]);
    const source = sourceFor(context, {
      registry: `127.0.0.1:${registryFront.port}`,
      tokenHosts: [`127.0.0.1:${tokenFront.port}`],
      caFile: await file(authority.certificatePem),
      certFile: await file(client.certificatePem),
      keyFile: await file(client.privateKeyPem),
    });
    assert.equal((await source.listTags(unhurried)).length, 1);
    assert.deepEqual(new Set(registryFront.shown), new Set(["the-client"]));
    assert.deepEqual(tokenFront.shown, [null]);
  });
});

describe("proxies of the environment", () => {
  const names = ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

  function setEnvironment(context: TestContext, values: Record<string, string>): void {
    const before = names.map((name) => [name, process.env[name]] as const);
    for (const name of names) delete process.env[name];
    Object.assign(process.env, values);
    context.after(() => {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    });
  }

  /** A proxy that takes every host for this machine: plain requests go to one port, tunnels to another. */
  async function startProxy(context: TestContext, ports: { readonly plain: number; readonly tunnel: number }) {
    const asked: string[] = [];
    const sockets = new Set<Socket>();
    const proxy = createHttpServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers.authorization ?? "-"}`);
      const { pathname, search } = new URL(request.url ?? "");
      fetch(`http://127.0.0.1:${ports.plain}${pathname}${search}`, { method: request.method ?? "GET" })
        .then(async (answer) => {
          const challenge = answer.headers.get("www-authenticate");
          if (challenge !== null) response.setHeader("www-authenticate", challenge);
          response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()));
        })
        .catch(() => response.destroy());
    });
    proxy.on("connect", (request, socket: Socket) => {
      asked.push(`CONNECT ${request.url}`);
      const upstream = connect(ports.tunnel, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        upstream.pipe(socket).pipe(upstream);
      });
      for (const one of [socket, upstream]) {
        sockets.add(one);
        one.on("error", () => undefined);
        one.on("close", () => destroyAll([socket, upstream]));
      }
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    context.after(() => {
      proxy.close();
      proxy.closeAllConnections();
      destroyAll(sockets);
    });
    return { asked, url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` };
  }

  it("are used for hosts beyond loopback, by tunnel for https", async (context) => {
    const registry = await registryWith(context, ["a"]);
    const front = await startTlsFront(context, registry.port);
    const proxy = await startProxy(context, { plain: registry.port, tunnel: front.port });
    setEnvironment(context, { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url });
    const secure = sourceFor(context, { registry: "registry.test", caFile: await file(authority.certificatePem) });
    assert.equal((await secure.listTags(unhurried)).length, 1);
    assert.deepEqual(proxy.asked.splice(0), ["CONNECT registry.test:443"]);
    const plain = sourceFor(context, { registry: "registry.test", insecure: true });
    assert.equal((await plain.listTags(unhurried)).length, 1);
    assert.match(
      proxy.asked.splice(0).join(),
      /^(GET http:\/\/registry\.test\/v2\/lab\/sketchbook\/tags\/list\?n=1000(&last=a)? -,?){2}$/,
    );
    const local = sourceFor(context, { registry: registry.host });
    assert.equal((await local.listTags(unhurried)).length, 1);
    assert.deepEqual(proxy.asked, []);
  });

  it("never see credentials: those are not sent over plain http (R3)", async (context) => {
    const credentialsPath = await file(
      JSON.stringify({ auths: { "registry.test": { username: "robot", password: PASSWORD } } }),
    );
    for (const auth of [
      { kind: "basic", username: "robot", password: PASSWORD },
      { kind: "bearer", account: { username: "robot", password: PASSWORD } },
    ] as const) {
      const registry = await registryWith(context, ["a"], { auth });
      const proxy = await startProxy(context, { plain: registry.port, tunnel: registry.port });
      setEnvironment(context, { http_proxy: proxy.url });
      const source = sourceFor(context, { registry: "registry.test", insecure: true, credentialsPath });
      await assert.rejects(source.listTags(unhurried), (error) => {
        assert.ok(error instanceof RegistryDeniedError);
        assert.match(error.message, /^registry\.test wants credentials, which are never sent over plain http$/);
        return true;
      });
      assert.equal(proxy.asked.length, 1);
      assert.match(proxy.asked[0] ?? "", / -$/);
    }
  });

  it("that cannot be used are told without their password", async (context) => {
    setEnvironment(context, { https_proxy: `http://user:${PASSWORD}@[bad` });
    const source = sourceFor(context, { registry: "registry.test" });
    await assert.rejects(source.listTags(unhurried), (error) => {
      assert.ok(error instanceof RegistryUnavailableError);
      assert.match(
        error.message,
        /^the proxy of https_proxy cannot be used: it is no URL; special characters in its password/,
      );
      assert.equal(error.cause, undefined);
      return true;
    });
  });
});
