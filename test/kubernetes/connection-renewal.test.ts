import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, it } from "node:test";
import { connectKubernetes, type KubernetesCall } from "../../src/kubernetes/client/connection.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";
import { createCertificateAuthority } from "../cluster/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { podFiles } from "./pod-files.ts";
import { answerOk, startTls } from "./tls-peer.ts";

const never = new AbortController().signal;

function call(path: string): KubernetesCall {
  return { what: "read", path, deadlineMs: 5_000, signal: never };
}

describe("connection while a watch is open (K7)", () => {
  it("calls with the new token and authority, lets the watch go on, and leaves no socket of the old ones", async () => {
    const [first, second] = [createCertificateAuthority("authority a"), createCertificateAuthority("authority b")];
    let valid = "Bearer first";
    let watch: ServerResponse | undefined;
    const peer = await startTls(first, (request, response) => {
      if (request.headers.authorization !== valid) response.writeHead(401).end();
      else if (request.url === "/watch") {
        watch = response.writeHead(200, { "content-type": "application/json" });
        watch.write("before\n");
      } else answerOk(request, response);
    });
    await using files = await podFiles(peer.port);
    await files.write("ca.crt", first.certificatePem);
    await files.write("token", "first");
    const connection = connectKubernetes({ kubeconfig: null, rootPrefix: files.prefix, clock: machineTime });
    try {
      const stream = await connection.open(call("/watch"));
      const chunks = stream.chunks[Symbol.asyncIterator]();
      assert.equal(String((await chunks.next()).value), "before\n");
      await connection.call(call("/version"));
      assert.equal(await peer.connections(), 2);

      peer.present(second);
      valid = "Bearer second";
      await files.write("ca.crt", second.certificatePem);
      await files.write("token", "second");
      assert.deepEqual(await connection.call(call("/version")), { ok: true });
      watch?.write("after\n");
      assert.equal(String((await chunks.next()).value), "after\n");

      stream.close();
      // Less than undici keeps a socket that nobody uses.
      await eventually(async () => assert.equal(await peer.connections(), peer.handshakes - 2), { withinMs: 3_000 });
    } finally {
      await connection.close();
      await peer.close();
    }
  });
});
