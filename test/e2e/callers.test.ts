import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { get } from "node:https";
import { join } from "node:path";
import { test } from "node:test";
import { createCertificateAuthority } from "../cluster/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { startServiceProcess } from "../support/service-process.ts";
import { mountFiles, pairFiles } from "../support/tls-files.ts";
import { startPeers } from "./support/peers.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/lab-images.js");

test("a service with TLS and callers: the command line, HTTP, metrics and log", async (context) => {
  const servers = createCertificateAuthority("servers");
  const clients = createCertificateAuthority("clients");
  const pair = servers.issueServerCertificate(["127.0.0.1", "localhost"]);
  const mounted = await mountFiles(context, pairFiles(pair, clients.certificatePem));
  const { certFile, keyFile, clientCAFile, directory } = mounted;
  const ca = join(directory, "servers.pem");
  await writeFile(ca, servers.certificatePem);
  const hub = clients.issueClientCertificate(["hub.example.org"]);
  const [cert, key] = [join(directory, "hub.pem"), join(directory, "hub.key")];
  await writeFile(cert, hub.certificatePem);
  await writeFile(key, hub.privateKeyPem);
  await using peers = await startPeers();
  peers.push("w_2077_43");
  peers.setNode("alder");
  const tls = { certFile, keyFile, clientCAFile };
  await using service = await startServiceProcess({
    ...peers.config(),
    grpc: {
      listen: "127.0.0.1:0",
      tls,
      auth: { callers: [{ name: "hub.example.org", permissions: ["read", "refresh"] }] },
    },
    http: { listen: "127.0.0.1:0", tls: { ...tls } },
  });

  const run = (line: string, ...options: readonly string[]) =>
    new Promise<{ status: number; out: string; err: string }>((resolve) => {
      const command = [PROGRAM, ...line.split(" "), "--address", service.grpc, "--ca", ca, ...options];
      const child = execFile(process.execPath, command, (_error, out, err) => {
        resolve({ status: child.exitCode ?? -1, out, err });
      });
    });
  const known = ["--cert", cert, "--key", key];
  await eventually(async () => assert.equal((await run("menu", ...known)).status, 0));
  assert.match((await run("menu")).err, /UNAUTHENTICATED .*neither a token nor a client certificate/);
  const denied = await run("missing", ...known);
  assert.match(denied.err, /PERMISSION_DENIED .*hub\.example\.org lacks the permission prepull/);
  const allowed = await run("auth can-i refresh", ...known);
  assert.deepEqual(
    [allowed.status, JSON.parse(allowed.out)],
    [0, { name: "hub.example.org", permission: "refresh", allowed: true }],
  );
  assert.equal((await run("auth can-i prepull", ...known)).status, 1);
  assert.equal((await run("refresh", ...known)).status, 0);
  const tokenFile = join(directory, "token");
  for (const content of ["canary-9f8e7d6c\nof a key", "canary-9f8e7d6c\u00e9", ""]) {
    await writeFile(tokenFile, content);
    const { status, err } = await run("menu", "--token-file", tokenFile);
    assert.equal(status, 1);
    assert.match(err, /UNAUTHENTICATED .*the file with the token holds no token/);
    assert.doesNotMatch(err, /canary/);
  }

  const page = async (path: string, options: object = {}) => {
    const [host, port] = service.http.split(":");
    const [response] = await once(
      get({ host, port, path, ca: servers.certificatePem, agent: false, ...options }),
      "response",
    );
    let text = "";
    for await (const chunk of response) text += String(chunk);
    return { status: Number(response.statusCode), text };
  };
  assert.equal((await page("/readyz")).status, 200);
  assert.equal((await page("/spawner/v1/images")).status, 401);
  const own = { cert: hub.certificatePem, key: hub.privateKeyPem };
  assert.equal((await page("/spawner/v1/images", own)).status, 200);
  const { text } = await page("/metrics");
  for (const file of ["grpc.tls.certFile", "http.tls.certFile"]) {
    assert.match(text, new RegExp(`labimages_certificate_not_after_timestamp_seconds\\{file="${file}"\\} 1\\.?\\d+`));
  }
  for (const outcome of ["allowed", "unauthenticated", "denied"]) {
    assert.match(text, new RegExp(`labimages_auth_total\\{outcome="${outcome}"\\} [1-9]`));
  }
  assert.match(text, /labimages_auth_total\{outcome="unavailable"\} 0/);
  const changing = service.log.find(({ msg }) => msg === "call that changes something");
  assert.equal(changing?.["caller"], "hub.example.org");
  assert.ok(!JSON.stringify(service.log).includes("PRIVATE KEY"));
});
