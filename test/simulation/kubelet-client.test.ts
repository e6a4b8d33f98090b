import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { createKubeletClient, type KubeletClient } from "../../src/simulation/kubelet/kubelet-client.ts";
import { postPodStatus, readPod } from "../../src/simulation/kubelet/kubelet-pod-status.ts";
import { startKubernetesApi } from "../../src/simulation/kubernetes/kubernetes-api.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";

async function withAnswers(
  answer: (response: ServerResponse) => void,
  work: (client: KubeletClient) => Promise<void>,
): Promise<void> {
  const server: Server = createServer((_, response) => answer(response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = createKubeletClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  try {
    await work(client);
  } finally {
    client.close();
    server.closeAllConnections();
    server.close();
  }
}

describe("kubelet client", () => {
  it("rejects for answers that are no objects, and for refusals", async () => {
    for (const [status, text, message] of [
      [200, "<html>", /200 without JSON/],
      [200, "[]", /200 without an object/],
      [404, '{"message":"nothing here"}', /nothing here/],
      [500, "{}", /500/],
    ] as const) {
      await withAnswers(
        (response) => response.writeHead(status).end(text),
        async (client) => {
          await assert.rejects(client.request("GET", "/x"), message);
        },
      );
    }
  });

  it("ends a watch quietly that is refused, garbled or reset", async () => {
    const events: string[] = [];
    const watch = (client: KubeletClient, signal = new AbortController().signal) =>
      client.watch("/x", ({ type }) => events.push(type), signal);
    const answers: ((response: ServerResponse) => void)[] = [
      (response) => response.writeHead(500).end("boom"),
      (response) => response.end('{"type":"ADDED","object":{}}\n{"type":'),
      (response) => response.end('{"type":"BOOKMARK"}\n7\n{"type":"ADDED","object":{}}\n'),
      (response) => response.socket?.resetAndDestroy(),
    ];
    for (const answer of answers) await withAnswers(answer, (client) => watch(client));
    assert.deepEqual(events, ["ADDED"]);
  });
});

describe("kubelet's view of a pod", () => {
  it("reads a pod of which nothing is known", () => {
    assert.deepEqual(readPod({}), {
      namespace: "",
      name: "",
      uid: "",
      deleting: false,
      phase: "",
      container: "",
      image: "",
      restarts: false,
      activeDeadlineMs: null,
    });
  });

  it("posts why a container waits, with the message where there is one", async () => {
    const api = await startKubernetesApi();
    const client = createKubeletClient({ url: api.url });
    try {
      const metadata = { name: "p", namespace: "default" };
      const spec = { containers: [{ name: "c", image: "r/i:1" }] };
      const pod = readPod(api.put("pods", { apiVersion: "v1", kind: "Pod", metadata, spec }));
      const states: unknown[] = [];
      for (const message of [undefined, "not found"]) {
        const waiting = { phase: "Pending", waiting: "ErrImagePull" } as const;
        await postPodStatus(client, machineTime, pod, message === undefined ? waiting : { ...waiting, message });
        const statuses = (api.list("pods")[0]?.status?.["containerStatuses"] ?? []) as unknown as { state: unknown }[];
        states.push(...statuses.map(({ state }) => state));
      }
      assert.deepEqual(states, [
        { waiting: { reason: "ErrImagePull" } },
        { waiting: { reason: "ErrImagePull", message: "not found" } },
      ]);
    } finally {
      client.close();
      await api.close();
    }
  });
});
