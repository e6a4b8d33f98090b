import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { KubernetesDeniedError, KubernetesUnavailableError } from "../../src/domain/errors.ts";
import { connectKubernetes, type KubernetesCall } from "../../src/kubernetes/client/connection.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";
import { createCertificateAuthority } from "../cluster/certificates.ts";
import { temporaryFile } from "./node-fixture.ts";
import { podFiles } from "./pod-files.ts";
import { answerOk, startTls, type TlsPeer } from "./tls-peer.ts";

const never = new AbortController().signal;

function call(more: Partial<KubernetesCall> = {}): KubernetesCall {
  return { what: "read the version", path: "/version", deadlineMs: 5_000, signal: never, ...more };
}

describe("connection in a pod (K7: files that change)", () => {
  const authority = createCertificateAuthority("authority a");

  it("takes a rotated token up at the next call", async () => {
    let valid = "first";
    const seen: (string | undefined)[] = [];
    const peer = await startTls(authority, (request, response) => {
      seen.push(request.headers.authorization);
      if (request.headers.authorization === `Bearer ${valid}`) answerOk(request, response);
      else response.writeHead(401).end();
    });
    await using files = await podFiles(peer.port);
    await files.write("ca.crt", authority.certificatePem);
    await files.write("token", "first\n");
    await files.write("namespace", "lab\n");
    const connection = connectKubernetes({ kubeconfig: null, rootPrefix: files.prefix, clock: machineTime });
    try {
      assert.deepEqual(await connection.call(call()), { ok: true });
      assert.equal(await connection.namespace(), "lab");
      valid = "second";
      await files.write("token", "second\n");
      assert.deepEqual(await connection.call(call()), { ok: true });
      assert.deepEqual(seen, ["Bearer first", "Bearer second"]);
      valid = "third";
      await assert.rejects(connection.call(call()), KubernetesDeniedError);
      for (let i = 0; i < 20; i += 1) await assert.rejects(connection.call(call()), KubernetesDeniedError);
      assert.ok(peer.handshakes <= 2, `connections are used again: ${peer.handshakes} for 24 calls`);
    } finally {
      await connection.close();
      await peer.close();
    }
  });

  it("is unavailable while the token file is missing, and heals when it is there", async () => {
    const peer = await startTls(authority, answerOk);
    await using files = await podFiles(peer.port);
    await files.write("ca.crt", authority.certificatePem);
    const connection = connectKubernetes({ kubeconfig: null, rootPrefix: files.prefix, clock: machineTime });
    try {
      await assert.rejects(connection.call(call()), (error) => {
        assert.ok(error instanceof KubernetesUnavailableError);
        assert.equal(error.message, "cannot read the version: the credentials for Kubernetes cannot be read (ENOENT)");
        return true;
      });
      await files.write("token", "first");
      assert.deepEqual(await connection.call(call()), { ok: true });
      await files.remove("ca.crt");
      await assert.rejects(connection.call(call()), /cannot be read \(ENOENT\)/);
    } finally {
      await connection.close();
      await peer.close();
    }
  });

  it("outlives an authority's file that is half written", async () => {
    const peer = await startTls(authority, answerOk);
    await using files = await podFiles(peer.port);
    await files.write("token", "t");
    const connection = connectKubernetes({ kubeconfig: null, rootPrefix: files.prefix, clock: machineTime });
    try {
      for (const half of ["", authority.certificatePem.slice(0, 100), "-----BEGIN CERTIFICATE-----\nAAAA\n"]) {
        await files.write("ca.crt", half);
        await assert.rejects(connection.call(call()), KubernetesUnavailableError);
        await files.write("ca.crt", authority.certificatePem);
        assert.deepEqual(await connection.call(call()), { ok: true });
      }
    } finally {
      await connection.close();
      await peer.close();
    }
  });

  it("trusts the new authority as soon as its file is there", async () => {
    const first = await startTls(authority, answerOk);
    await using files = await podFiles(first.port);
    await files.write("ca.crt", authority.certificatePem);
    await files.write("token", "t");
    const connection = connectKubernetes({ kubeconfig: null, rootPrefix: files.prefix, clock: machineTime });
    const other = createCertificateAuthority("authority b");
    let second: TlsPeer | null = null;
    try {
      await connection.call(call());
      await first.close();
      second = await startTls(other, answerOk, first.port);
      await assert.rejects(connection.call(call()), /the connection to the Kubernetes API failed \([A-Z_]+\)/);
      await files.write("ca.crt", other.certificatePem);
      assert.deepEqual(await connection.call(call()), { ok: true });
    } finally {
      await connection.close();
      await second?.close();
    }
  });
});

function kubeconfig(server: string, cluster: string, user: string): string {
  return [
    "apiVersion: v1",
    "kind: Config",
    `clusters: [{name: c, cluster: {server: "${server}/"${cluster}}}]`,
    `users: [{name: u, user: {${user}}}]`,
    "contexts: [{name: x, context: {cluster: c, user: u, namespace: lab}}]",
    "current-context: x",
  ].join("\n");
}

describe("connection by kubeconfig", () => {
  const authority = createCertificateAuthority("authority");
  const ca = `, certificate-authority-data: ${Buffer.from(authority.certificatePem).toString("base64")}`;
  const users: Readonly<Record<string, [string, string]>> = {
    "a token": ["token: secret", "Bearer secret"],
    "a token file beside it": ["tokenFile: token", "Bearer from-file"],
    "a user name and a password": ["username: me, password: word", `Basic ${btoa("me:word")}`],
    "a plug-in": [
      `exec: {command: "${process.execPath}", args: ["-p", "JSON.stringify({status:{token:'from-plug-in'}})"]}`,
      "Bearer from-plug-in",
    ],
  };
  for (const [name, [user, expected]] of Object.entries(users)) {
    it(`authenticates with ${name}`, async () => {
      const seen: (string | undefined)[] = [];
      const peer = await startTls(authority, (request, response) => {
        seen.push(request.headers.authorization);
        answerOk(request, response);
      });
      await using file = await temporaryFile("kubeconfig", kubeconfig(`https://localhost:${peer.port}`, ca, user));
      await writeFile(join(file.path, "../token"), "from-file\n");
      const connection = connectKubernetes({ kubeconfig: file.path, clock: machineTime });
      try {
        await connection.call(call());
        await connection.call(call());
        assert.deepEqual(seen, [expected, expected]);
        assert.equal(await connection.namespace(), "lab");
      } finally {
        await connection.close();
        await peer.close();
      }
    });
  }

  it("runs a plug-in again whose token is refused", async () => {
    const seen: (string | undefined)[] = [];
    let valid = "first";
    const peer = await startTls(authority, (request, response) => {
      seen.push(request.headers.authorization);
      if (request.headers.authorization === `Bearer ${valid}`) answerOk(request, response);
      else response.writeHead(401).end();
    });
    await using token = await temporaryFile("token", "first");
    const program = `JSON.stringify({status: {token: fs.readFileSync(process.argv[1], 'utf8')}})`;
    const user = `exec: {command: "${process.execPath}", args: ["-p", "${program}", "${token.path}"]}`;
    await using file = await temporaryFile("kubeconfig", kubeconfig(`https://localhost:${peer.port}`, ca, user));
    const connection = connectKubernetes({ kubeconfig: file.path, clock: machineTime });
    try {
      assert.deepEqual(await connection.call(call()), { ok: true });
      valid = "second";
      await writeFile(token.path, "second");
      assert.deepEqual(await connection.call(call()), { ok: true });
      assert.deepEqual(seen, ["Bearer first", "Bearer first", "Bearer second"]);
    } finally {
      await connection.close();
      await peer.close();
    }
  });

  it("reads a kubeconfig again that has been replaced with the server's authority in it", async () => {
    const first = await startTls(authority, answerOk);
    const server = `https://localhost:${first.port}`;
    await using file = await temporaryFile("kubeconfig", kubeconfig(server, ca, "token: t"));
    const connection = connectKubernetes({ kubeconfig: file.path, clock: machineTime });
    const other = createCertificateAuthority("authority b");
    const otherCa = `, certificate-authority-data: ${Buffer.from(other.certificatePem).toString("base64")}`;
    let second: TlsPeer | null = null;
    try {
      await connection.call(call());
      await first.close();
      second = await startTls(other, answerOk, first.port);
      await assert.rejects(connection.call(call()), /the connection to the Kubernetes API failed \([A-Z_]+\)/);
      await writeFile(file.path, kubeconfig(server, otherCa, "token: t"));
      assert.deepEqual(await connection.call(call()), { ok: true });
    } finally {
      await connection.close();
      await second?.close();
    }
  });

  it("goes through an HTTP proxy", async () => {
    const peer = await startTls(authority, answerOk);
    let tunnels = 0;
    const proxy = createTcpServer((client) => {
      client.once("data", () => {
        tunnels += 1;
        const upstream = connect(peer.port, "127.0.0.1", () => {
          client.write("HTTP/1.1 200 OK\r\n\r\n");
          client.pipe(upstream).pipe(client);
        });
        upstream.on("error", () => client.destroy());
        client.on("error", () => upstream.destroy());
      });
    }).listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const proxyUrl = `, proxy-url: "http://127.0.0.1:${(proxy.address() as AddressInfo).port}"`;
    await using file = await temporaryFile(
      "kubeconfig",
      kubeconfig(`https://localhost:${peer.port}`, ca + proxyUrl, ""),
    );
    const connection = connectKubernetes({ kubeconfig: file.path, clock: machineTime });
    try {
      assert.deepEqual(await connection.call(call()), { ok: true });
      assert.equal(tunnels, 1);
    } finally {
      await connection.close();
      proxy.close();
      await peer.close();
    }
  });

  for (const [name, text] of Object.entries({
    "another proxy than an HTTP one": kubeconfig("https://localhost:1", ', proxy-url: "socks5://localhost:2"', ""),
    "no current cluster": "apiVersion: v1\nkind: Config\n",
    "no YAML": "{{{",
  })) {
    it(`is unavailable with ${name}`, async () => {
      await using file = await temporaryFile("kubeconfig", text);
      const connection = connectKubernetes({ kubeconfig: file.path, clock: machineTime });
      await assert.rejects(connection.call(call()), /the credentials for Kubernetes cannot be read( \(BAD_INDENT\))?$/);
      await connection.close();
    });
  }

  it("does not let a plug-in hold up a call past its deadline", async () => {
    const user = `exec: {command: "${process.execPath}", args: ["-e", "setTimeout(() => 0, 1500)"]}`;
    await using file = await temporaryFile("kubeconfig", kubeconfig("https://localhost:1", ca, user));
    const connection = connectKubernetes({ kubeconfig: file.path, clock: machineTime });
    await assert.rejects(connection.call(call({ deadlineMs: 100 })), /timed out after 0.1 s/);
    await connection.close();
  });
});
