import assert from "node:assert/strict";
import { rm, stat, utimes, writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { RegistryUnavailableError } from "../../src/domain/errors.ts";
import { createCertificateAuthority } from "../cluster/certificates.ts";
import { recordLog } from "./log-recorder.ts";
import { registryWith, sourceFor, unhurried } from "./source-under-test.ts";
import { authority, startTlsFront, testFile } from "./tls-front.ts";

describe("TLS", () => {
  it("trusts an authority of one's own besides the usual ones, and nobody else", async (context) => {
    const registry = await registryWith(context, ["a"]);
    const front = await startTlsFront(context, registry.port);
    const address = `127.0.0.1:${front.port}`;
    const trusting = sourceFor(context, {
      registry: address,
      caFile: await testFile(context, authority.certificatePem),
    });
    assert.equal((await trusting.listTags(unhurried)).length, 1);
    const strangers = createCertificateAuthority("strangers").certificatePem;
    const options: object[] = [{ insecure: false }, { caFile: await testFile(context, strangers) }];
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
    const caFile = await testFile(context, createCertificateAuthority("old").certificatePem);
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

  it("L1: reads certificates again after a failure, though their file looks the same", async (context) => {
    const registry = await registryWith(context, ["a"]);
    const front = await startTlsFront(context, registry.port);
    const [wrong, right] = [createCertificateAuthority("old").certificatePem, authority.certificatePem];
    const length = Math.max(wrong.length, right.length);
    const caFile = await testFile(context, wrong.padEnd(length, "\n"));
    const { atime, mtime } = await stat(caFile);
    const source = sourceFor(context, { registry: `127.0.0.1:${front.port}`, caFile, limits: { attempts: 1 } });
    await assert.rejects(source.listTags(unhurried), RegistryUnavailableError);
    await writeFile(caFile, right.padEnd(length, "\n"));
    await utimes(caFile, atime, mtime);
    assert.equal((await source.listTags(unhurried)).length, 1);
  });

  it("says which configuration is at fault where a file was never readable", async (context) => {
    const source = sourceFor(context, { registry: "127.0.0.1:1", caFile: "/nonexistent/missing" });
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
      caFile: await testFile(context, authority.certificatePem),
      certFile: await testFile(context, client.certificatePem),
      keyFile: await testFile(context, client.privateKeyPem),
    });
    assert.equal((await source.listTags(unhurried)).length, 1);
    assert.deepEqual(new Set(registryFront.shown), new Set(["the-client"]));
    assert.deepEqual(tokenFront.shown, [null]);
  });
});
