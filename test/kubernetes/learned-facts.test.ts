import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { connectKubernetes, type KubernetesCall } from "../../src/kubernetes/client/connection.ts";
import { createDeploymentOwner } from "../../src/kubernetes/pods/pod-owner.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";
import { eventually } from "../support/eventually.ts";
import { elect, leaseSpec } from "./leadership-fixture.ts";
import {
  answerWatches,
  assertInStep,
  listRequests,
  nodeObject,
  silentLogger,
  startCluster,
  temporaryFile,
  watchRequests,
} from "./node-fixture.ts";
import { startPrepullBench, unending } from "./prepull-fixture.ts";

const JSON_TYPE = { "content-type": "application/json" };

/** A server with nothing of a Kubernetes API but what the handler does. */
async function startPeer(handler: RequestListener): Promise<{ readonly url: string } & AsyncDisposable> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function kubeconfig(server: string, token: string): string {
  return [
    "apiVersion: v1",
    "kind: Config",
    `clusters: [{name: c, cluster: {server: "${server}", insecure-skip-tls-verify: true}}]`,
    `users: [{name: u, user: {token: ${token}}}]`,
    "contexts: [{name: x, context: {cluster: c, user: u}}]",
    "current-context: x",
  ].join("\n");
}

const read = (deadlineMs = 5_000): KubernetesCall => ({ what: "read", path: "/version", deadlineMs, signal: unending });

describe("what was read of a kubeconfig (L1)", () => {
  const faults: Readonly<Record<string, RequestListener>> = {
    "another service answers at the old address": (_, response) => void response.end("<html>welcome</html>"),
    "the old user is refused": (_, response) => void response.writeHead(403, JSON_TYPE).end("{}"),
    "the old address answers 500": (_, response) => void response.writeHead(500, JSON_TYPE).end("{}"),
    "the old address never answers": () => undefined,
  };
  for (const [name, answer] of Object.entries(faults)) {
    it(`L1: is read again at the first call that fails, where ${name}`, async () => {
      let isGood = true;
      const ok: RequestListener = (_, response) => void response.writeHead(200, JSON_TYPE).end('{"ok":true}');
      await using old = await startPeer((request, response) => (isGood ? ok : answer)(request, response));
      await using successor = await startPeer(ok);
      await using file = await temporaryFile("kubeconfig", kubeconfig(old.url, "old"));
      const connection = connectKubernetes({ kubeconfig: file.path, clock: machineTime });
      try {
        assert.deepEqual(await connection.call(read()), { ok: true });
        isGood = false;
        await writeFile(file.path, kubeconfig(successor.url, "new"));
        await assert.rejects(connection.call(read(200)));
        assert.deepEqual(await connection.call(read()), { ok: true });
      } finally {
        await connection.close();
      }
    });
  }

  it("L1: is kept where an answer is about the object alone", async () => {
    let status = 200;
    const tokens = new Set<string | undefined>();
    await using peer = await startPeer((request, response) => {
      tokens.add(request.headers.authorization);
      response.writeHead(status, JSON_TYPE).end("{}");
    });
    await using file = await temporaryFile("kubeconfig", kubeconfig(peer.url, "old"));
    const connection = connectKubernetes({ kubeconfig: file.path, clock: machineTime });
    try {
      await connection.call(read());
      await writeFile(file.path, kubeconfig(peer.url, "new"));
      for (status of [404, 409, 410, 422, 429]) await assert.rejects(connection.call(read()));
      assert.deepEqual([...tokens], ["Bearer old"]);
    } finally {
      await connection.close();
    }
  });
});

describe("the version of a watch (L1)", () => {
  for (const status of [400, 504]) {
    it(`L1: is dropped at the first watch that the server refuses with ${status}, and read again by a list`, async () => {
      await using cluster = await startCluster();
      const { api, connected } = cluster;
      api.putNode(nodeObject("node-a", [1]));
      const follower = connected.follow();
      await follower.list();
      await eventually(() => assert.equal(api.watches, 1));
      const [lists, watches] = [listRequests(api).length, watchRequests(api).length];
      answerWatches(api, 1, (response) =>
        response.writeHead(status, JSON_TYPE).end(JSON.stringify({ kind: "Status" })),
      );
      api.closeWatches();
      api.putNode(nodeObject("node-b", [2]));
      await eventually(() => assertInStep(api, follower));
      await eventually(() => assert.equal(api.watches, 1));
      assert.equal(listRequests(api).length, lists + 1);
      assert.equal(watchRequests(api).length, watches + 2, "the refused one and the one after the list");
    });
  }
});

it("L1: the version of the lease that was read is dropped at the first write that it does not fit", async () => {
  await using bench = await startPrepullBench();
  const a = elect(bench, "a");
  await a.live(1);
  const before = leaseSpec(bench);
  const [lease] = bench.api.list("leases");
  assert.ok(lease !== undefined);
  bench.api.put("leases", { ...lease, metadata: { ...lease.metadata, annotations: { touched: "by another" } } });
  await a.live(2_000);
  assert.equal(a.leadership.mayWrite(), true);
  assert.notEqual(leaseSpec(bench)["renewTime"], before["renewTime"]);
  await a.leave();
});

it("L1: the uid of our Deployment is read again after a pod with it was deleted", async () => {
  await using bench = await startPrepullBench();
  let uid = "u1";
  bench.api.intercept((request, response) => {
    if (!request.url?.startsWith("/apis/apps/v1/namespaces/lab/deployments/")) return false;
    response
      .writeHead(200, JSON_TYPE)
      .end(JSON.stringify({ kind: "Deployment", metadata: { name: "lab-images", uid } }));
    return true;
  });
  const owner = createDeploymentOwner({
    connection: bench.connection,
    deployment: { namespace: "lab", name: "lab-images" },
    podNamespace: "lab",
    clock: machineTime,
    logger: silentLogger,
  });
  const order = bench.order("played", 1);
  const uidOfOwner = async () => {
    const references: unknown = (await bench.pod(order)).metadata["ownerReferences"];
    return Array.isArray(references) ? references[0]?.uid : undefined;
  };
  const pull = bench.puller({ owner }).pull(order, unending);
  assert.equal(await uidOfOwner(), "u1");
  uid = "u2";
  // As the garbage collector does where the owner has gone.
  const path = `/api/v1/namespaces/lab/pods/${(await bench.pod(order)).metadata.name}`;
  await fetch(`${bench.api.url}${path}?gracePeriodSeconds=0`, { method: "DELETE" });
  assert.equal((await pull).kind, "failed");
  const life = new AbortController();
  const again = bench.puller({ owner }).pull(order, life.signal);
  assert.equal(await uidOfOwner(), "u2");
  life.abort(new Error("the test is over"));
  await again.catch(() => undefined);
});
