import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { describe, it, test } from "node:test";
import { inspect } from "node:util";
import { RegistryDeniedError, RegistryUnavailableError } from "../../src/domain/errors.ts";
import { proxyFor } from "../../src/registry/http/proxy-environment.ts";
import { recordLog } from "./log-recorder.ts";
import { setProxies, startNetworkProxy } from "./network-proxy.ts";
import { registryWith, sourceFor, unhurried } from "./source-under-test.ts";
import { isUnavailable } from "./source-with-faults.ts";
import { authority, destroyAll, startTlsFront, testFile } from "./tls-front.ts";

const PASSWORD = "canary-password";

describe("proxies of the environment", () => {
  it("are used for hosts beyond loopback, by tunnel for https", async (context) => {
    const registry = await registryWith(context, ["a"]);
    const front = await startTlsFront(context, registry.port);
    const proxy = await startNetworkProxy(context, { plain: registry.port, tunnel: () => front.port });
    setProxies(context, { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url });
    const caFile = await testFile(context, authority.certificatePem);
    const secure = sourceFor(context, { registry: "registry.test", caFile });
    assert.equal((await secure.listTags(unhurried)).length, 1);
    assert.deepEqual(new Set(proxy.asked.splice(0)), new Set(["CONNECT registry.test:443"]));
    const plain = sourceFor(context, { registry: "registry.test", insecure: true });
    assert.equal((await plain.listTags(unhurried)).length, 1);
    assert.match(
      proxy.asked.splice(0)[0] ?? "",
      /^GET http:\/\/registry\.test\/v2\/lab\/sketchbook\/tags\/list\?n=1000 -$/,
    );
    const local = sourceFor(context, { registry: registry.host });
    assert.equal((await local.listTags(unhurried)).length, 1);
    assert.deepEqual(proxy.asked, []);
  });

  it("never see credentials: those are not sent over plain http (R3)", async (context) => {
    const auths = { "registry.test": { username: "robot", password: PASSWORD } };
    const credentialsPath = await testFile(context, JSON.stringify({ auths }));
    for (const auth of [
      { kind: "basic", username: "robot", password: PASSWORD },
      { kind: "bearer", account: { username: "robot", password: PASSWORD } },
    ] as const) {
      const registry = await registryWith(context, ["a"], { auth });
      const proxy = await startNetworkProxy(context, { plain: registry.port });
      setProxies(context, { http_proxy: proxy.url });
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

  for (const [name, value] of [
    ["HTTPS_PROXY", (host: string) => host],
    ["https_proxy", (host: string) => ` http://${host}/ `],
    ["HTTPS_PROXY", (host: string) => `HTTP://${host}`],
  ] as const) {
    test(`F13: ${name}=${value("host:port").trim()} is a proxy`, async (context) => {
      const registry = await registryWith(context, ["a"]);
      const front = await startTlsFront(context, registry.port);
      const proxy = await startNetworkProxy(context, { tunnel: () => front.port });
      setProxies(context, { [name]: value(proxy.host) });
      const caFile = await testFile(context, authority.certificatePem);
      const source = sourceFor(context, { registry: "registry.test", caFile });
      assert.equal((await source.listTags(unhurried)).length, 1);
      assert.equal(proxy.asked[0], "CONNECT registry.test:443");
    });
  }

  test("F13: a proxy that speaks TLS is one", async (context) => {
    const registry = await registryWith(context, ["a"]);
    const front = await startTlsFront(context, registry.port);
    const proxy = await startNetworkProxy(context, { plain: registry.port, tunnel: () => front.port });
    const secure = await startTlsFront(context, Number(proxy.host.split(":")[1]));
    const url = `https://127.0.0.1:${secure.port}`;
    setProxies(context, { HTTPS_PROXY: url, HTTP_PROXY: url });
    const caFile = await testFile(context, authority.certificatePem);
    for (const insecure of [false, true]) {
      const source = sourceFor(context, { registry: "registry.test", caFile, insecure });
      assert.equal((await source.listTags(unhurried)).length, 1);
    }
    assert.match(proxy.asked.join(), /^CONNECT registry\.test:443,.*GET http:\/\/registry\.test\/v2\//);
  });

  test("F13: the name and password of a proxy are used, and stand in no error and no log", async (context) => {
    const registry = await registryWith(context, ["a"]);
    const front = await startTlsFront(context, registry.port);
    const caFile = await testFile(context, authority.certificatePem);
    const log = recordLog();
    const errors: string[] = [];
    const attempt = async (password: string, insecure: boolean) => {
      const authorization = `Basic ${Buffer.from(`us er:${PASSWORD}%/`).toString("base64")}`;
      const proxy = await startNetworkProxy(context, { plain: registry.port, tunnel: () => front.port, authorization });
      const url = `http://us%20er:${password}@${proxy.host}`;
      setProxies(context, { http_proxy: url, https_proxy: url });
      const files = insecure ? { insecure } : { caFile };
      const source = sourceFor(context, { registry: "registry.test", logger: log, ...files });
      try {
        return String((await source.listTags(unhurried)).length);
      } catch (error) {
        errors.push(inspect(error, { depth: 10, showHidden: true }));
        return error instanceof Error ? error.message.replace(proxy.host, "PROXY") : "";
      }
    };
    for (const insecure of [false, true]) {
      assert.equal(await attempt(`${PASSWORD}%25%2F`, insecure), "1");
      const refusal = "registry.test cannot be asked: the proxy PROXY refuses its name and password (407)";
      assert.equal(await attempt(`${PASSWORD}-wrong`, insecure), refusal);
    }
    const all = [...errors, ...log.lines].join("\n");
    for (const canary of [PASSWORD, Buffer.from(`us er:${PASSWORD}`).toString("base64").slice(0, 20)]) {
      assert.equal(all.includes(canary), false);
    }
  });

  test("F13: a proxy that refuses is named, and what it said", async (context) => {
    const cases: readonly (readonly [object, boolean, RegExp])[] = [
      [{ authorization: "Basic x" }, false, /the proxy PROXY wants a name and a password \(407\)$/],
      [{ authorization: "Basic x" }, true, /the proxy PROXY wants a name and a password \(407\)$/],
      [{ refusal: 403 }, false, /the proxy PROXY answers 403 to a request for a connection to registry\.test:443$/],
      [{ refusal: 502 }, false, /the proxy PROXY answers 502 to a request for a connection to registry\.test:443$/],
      [{ refusal: 502 }, true, /registry\.test answers 502 \(through the proxy PROXY\)$/],
    ];
    for (const [options, insecure, pattern] of cases) {
      const proxy = await startNetworkProxy(context, options);
      setProxies(context, { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url });
      const source = sourceFor(context, { registry: "registry.test", insecure, limits: { attempts: 2 } });
      await assert.rejects(source.listTags(unhurried), (error) => {
        assert.ok(error instanceof RegistryUnavailableError, String(error));
        assert.match(error.message.replaceAll(proxy.host, "PROXY"), pattern);
        return true;
      });
    }
  });

  test("F13: a dead proxy is named as such, and used again when it is back", async (context) => {
    const registry = await registryWith(context, ["a"]);
    const front = await startTlsFront(context, registry.port);
    const gone = createServer();
    gone.listen(0, "127.0.0.1");
    await once(gone, "listening");
    const dead = `127.0.0.1:${(gone.address() as AddressInfo).port}`;
    gone.close();
    const caFile = await testFile(context, authority.certificatePem);
    for (const insecure of [false, true]) {
      setProxies(context, { HTTPS_PROXY: dead, HTTP_PROXY: dead });
      const source = sourceFor(context, {
        registry: "registry.test",
        limits: { attempts: 2 },
        ...(insecure ? { insecure } : { caFile }),
      });
      const refusal = new RegExp(
        `^registry\\.test cannot be asked: the proxy ${dead.replaceAll(".", "\\.")} cannot be reached \\(ECONNREFUSED\\)$`,
      );
      await assert.rejects(source.listTags(unhurried), isUnavailable(refusal));
      const proxy = await startNetworkProxy(context, { plain: registry.port, tunnel: () => front.port });
      setProxies(context, { HTTPS_PROXY: proxy.url, HTTP_PROXY: proxy.url });
      assert.equal((await source.listTags(unhurried)).length, 1);
    }
  });

  test("F13: a proxy that hangs, or that breaks off, is named with what was observed", async (context) => {
    const sockets = new Set<Socket>();
    let isSilent = true;
    const broken = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      if (!isSilent) socket.once("data", () => socket.destroy());
    });
    broken.listen(0, "127.0.0.1");
    await once(broken, "listening");
    context.after(() => {
      broken.close();
      destroyAll(sockets);
    });
    const host = `127.0.0.1:${(broken.address() as AddressInfo).port}`;
    setProxies(context, { HTTPS_PROXY: host, HTTP_PROXY: host });
    for (const insecure of [false, true]) {
      const limits = { attempts: 1, requestTimeoutMs: 1_500 };
      const refused = async () => {
        const source = sourceFor(context, { registry: "registry.test", insecure, limits });
        const error: unknown = await source.listTags(unhurried).catch((reason: unknown) => reason);
        assert.ok(error instanceof RegistryUnavailableError, String(error));
        return error.message.replaceAll(host, "PROXY");
      };
      isSilent = true;
      // Whichever of the two notices first.
      assert.match(
        await refused(),
        /does not answer within 1\.5 s \(through the proxy PROXY\)$|the proxy PROXY does not answer/,
      );
      isSilent = false;
      assert.match(await refused(), /^registry\.test cannot be (?:asked|reached).* the proxy PROXY/);
    }
  });

  test("F13: a proxy that cannot be used is named by its variable, without its value", async (context) => {
    const cases: readonly (readonly [string, RegExp])[] = [
      [`http://user:${PASSWORD}@[bad`, /^the proxy of https_proxy cannot be used: it is no URL; special characters/],
      [
        `http://user:${PASSWORD}#1@proxy:3128`,
        /^the proxy of https_proxy cannot be used: it is no URL; special characters/,
      ],
      ["http://", /^the proxy of https_proxy cannot be used: it is no URL$/],
      [
        "socks5://127.0.0.1:1080",
        /^the proxy of https_proxy cannot be used: it is neither an http nor an https proxy$/,
      ],
    ];
    for (const [value, pattern] of cases) {
      setProxies(context, { https_proxy: value });
      const source = sourceFor(context, { registry: "registry.test" });
      await assert.rejects(source.listTags(unhurried), (error) => {
        assert.ok(error instanceof RegistryUnavailableError);
        assert.match(error.message, pattern);
        assert.equal(inspect(error, { depth: 10 }).includes(PASSWORD), false);
        return true;
      });
    }
    // It is in nobody's way.
    const registry = await registryWith(context, ["a"]);
    assert.equal((await sourceFor(context, { registry: registry.host }).listTags(unhurried)).length, 1);
  });
});

describe("NO_PROXY", () => {
  const cases: readonly (readonly [entry: string, direct: readonly string[], proxied: readonly string[]])[] = [
    ["10.0.0.0/8", ["https://10.1.2.3", "https://10.255.0.1:5000"], ["https://11.0.0.1", "https://r10.example"]],
    ["192.168.1.0/24 , 10.0.0.0/8", ["https://192.168.1.9", "https://10.0.0.1"], ["https://192.168.2.9"]],
    ["10.0.0.0/33,10.0.0.0/,/8", [], ["https://10.0.0.1"]],
    ["fd00::/8", ["https://[fd12::1]:5000"], ["https://[2001:db8::1]", "https://10.0.0.1"]],
    ["[fd00::]/8", ["https://[fd12::1]"], []],
    ["10.1.2.3", ["https://10.1.2.3", "https://10.1.2.3:8443"], ["https://10.1.2.4"]],
    ["10.1.2.3:443", ["https://10.1.2.3"], ["https://10.1.2.3:8443", "http://10.1.2.3"]],
    ["2001:db8::1", ["https://[2001:db8:0::1]"], ["https://[2001:db8::2]"]],
    ["[2001:db8::1]:5000", ["https://[2001:db8::1]:5000"], ["https://[2001:db8::1]"]],
    ["example.com", ["https://example.com", "https://r.example.com:5000"], ["https://rexample.com", "https://com"]],
    [".example.com", ["https://r.example.com", "https://example.com"], ["https://rexample.com"]],
    ["*.example.com", ["https://r.example.com", "https://a.b.example.com"], ["https://example.com"]],
    ["Example.COM.", ["https://R.Example.com", "https://r.example.com."], []],
    ["example.com:5000", ["https://r.example.com:5000"], ["https://r.example.com"]],
    ["https://r.example.com/", ["https://r.example.com"], ["https://q.example.com"]],
    ["10.0.*", ["https://10.0.7.9"], ["https://10.1.0.0"]],
    ["r*.example.com", ["https://r2.example.com"], ["https://s.example.com", "https://r2.example.com.evil.test"]],
    ["a*b*c.test", ["https://axbxc.test", "https://abc.test"], ["https://axc.test", "https://abxc.testx"]],
    ["*", ["https://r.example.com", "https://10.0.0.1", "https://[2001:db8::1]:1"], []],
    ["nothing *", ["https://r.example.com"], []],
    ["*:5000", ["https://r.example.com:5000"], ["https://r.example.com"]],
    ["", [], ["https://r.example.com"]],
    [" , .", [], ["https://r.example.com"]],
  ];
  for (const [entry, direct, proxied] of cases) {
    test(`F13: NO_PROXY=${entry}`, () => {
      const environment = { HTTPS_PROXY: "proxy.test:3128", HTTP_PROXY: "proxy.test:3128", no_proxy: entry };
      for (const url of direct) assert.equal(proxyFor(new URL(url), environment), null, url);
      for (const url of proxied) assert.equal(proxyFor(new URL(url), environment)?.host, "proxy.test:3128", url);
    });
  }

  test("F13: each scheme has a proxy of its own, and names in lower case come first", () => {
    const host = (url: string, environment: Record<string, string>) =>
      proxyFor(new URL(url), environment)?.host ?? null;
    assert.equal(host("https://r.test", { HTTP_PROXY: "p:1" }), null);
    assert.equal(host("http://r.test", { HTTP_PROXY: "p:1", HTTPS_PROXY: "p:2" }), "p:1");
    assert.equal(host("https://r.test", { HTTPS_PROXY: "p:1", https_proxy: "p:2" }), "p:2");
    assert.equal(host("https://r.test", { HTTPS_PROXY: "p:1", https_proxy: " " }), "p:1");
    assert.equal(host("https://r.test", { HTTPS_PROXY: "http://p" }), "p");
    for (const loopback of ["https://localhost", "https://127.0.0.9", "https://[::1]:5000"]) {
      assert.equal(host(loopback, { HTTPS_PROXY: "p:1" }), null);
    }
  });
});
