import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import {
  DIGEST_ANNOTATION,
  INSTANCE_LABEL,
  NODE_UID_ANNOTATION,
  prepullPodName,
} from "../../src/kubernetes/pods/prepull-pod.ts";
import type { Clock } from "../../src/ports.ts";
import type { ApiObject } from "../../src/simulation/kubernetes/kubernetes-objects.ts";
import { createSystemClock } from "../../src/telemetry/system-clock.ts";
import { NAMESPACE } from "./support/kubelets.ts";
import type { Peers } from "./support/peers.ts";
import {
  builtIn,
  failPod,
  impatientClock,
  LEASE_NAME,
  type PrepullRun,
  podOn,
  podsOf,
  provePod,
  soon,
  startPrepullPeers,
  takeLease,
  taskOn,
  untilTaskIs,
} from "./support/prepull-scene.ts";
import { type Service, startReadyService } from "./support/service.ts";

/** Real proportions, and short enough to wait for. */
const leaderElection = { enabled: true, leaseDuration: 6, renewDeadline: 4, retryPeriod: 0.2 };

async function withLeader(
  tags: readonly string[],
  play: (run: PrepullRun) => Promise<void>,
  { prepuller = {}, clock }: { prepuller?: Readonly<Record<string, unknown>>; clock?: Clock } = {},
): Promise<void> {
  await using peers = await startPrepullPeers(tags);
  peers.setNode("alder");
  const config = peers.config({ images: { numDailies: 0 }, prepuller: builtIn(prepuller) });
  await using service = await startReadyService(config, clock === undefined ? {} : { clock });
  await play({ peers, service });
}

/** Lists of pods that are not one of a watch are refused so many times. Answers how many are left. */
function refuseLists({ cluster }: Peers, times: number): () => number {
  let left = times;
  cluster.intercept(({ method, url = "" }, response) => {
    const isList =
      method === "GET" && url.startsWith(`/api/v1/namespaces/${NAMESPACE}/pods?`) && !url.includes("watch=");
    if (!isList || left === 0) return false;
    left -= 1;
    response.writeHead(403, { "content-type": "application/json" });
    response.end(
      JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", reason: "Forbidden", code: 403 }),
    );
    return true;
  });
  return () => left;
}

/** A finished pod like this one that nobody sees to, of an image that nobody wants: the digest is sixty-four times the letter. */
function leaveOver({ cluster }: Peers, like: ApiObject, letter: string): void {
  const digest = `sha256:${letter.repeat(64)}`;
  const { labels = {}, annotations = {} } = like.metadata;
  const instance = String(labels[INSTANCE_LABEL]);
  const name = prepullPodName(instance, String(annotations[NODE_UID_ANNOTATION]), digest);
  cluster.put("pods", {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: NAMESPACE,
      uid: randomUUID(),
      labels,
      annotations: { ...annotations, [DIGEST_ANNOTATION]: digest },
    },
    spec: { ...like.spec },
    status: { phase: "Succeeded" },
  });
}

function messagesOf({ log }: Service, pattern: RegExp): readonly string[] {
  return log.flatMap(({ msg }) => (pattern.test(msg) ? [msg] : []));
}

function defectsTold({ log }: Service): number {
  return log.filter(({ level, msg }) => level === "error" && msg.includes("(bug)")).length;
}

describe("which replica prepulls", { concurrency: true }, () => {
  test("whoever loses the lease leaves its pulls to the other one, and starts again with what it knew when it is back", () =>
    withLeader(
      ["w_2077_42", "w_2077_43", "w_2077_44"],
      async (run) => {
        const { peers, service } = run;
        provePod(peers, await podOn(peers, "alder", "w_2077_42"));
        failPod(peers, await podOn(peers, "alder", "w_2077_44"), "manifest unknown");
        await untilTaskIs(run, "alder", "w_2077_44", "FAILED");
        const pod = await podOn(peers, "alder", "w_2077_43");
        await untilTaskIs(run, "alder", "w_2077_43", "PULLING");
        takeLease(peers);
        await soon(async () => assert.equal(await taskOn(run, "alder", "w_2077_43"), undefined));
        assert.equal((await taskOn(run, "alder", "w_2077_42"))?.prepullState, "SUCCEEDED");
        assert.deepEqual(podsOf(peers), ["alder w_2077_43"], "left as it is");
        refuseLists(peers, 1);
        const again = await untilTaskIs(run, "alder", "w_2077_43", "PULLING");
        assert.equal(again.attempts, 1);
        assert.equal((await podOn(peers, "alder", "w_2077_43")).metadata.uid, pod.metadata.uid, "taken up again");
        assert.equal((await taskOn(run, "alder", "w_2077_42"))?.prepullState, "SUCCEEDED", "still known");
        assert.equal(defectsTold(service), 0);
      },
      { prepuller: { leaderElection } },
    ));

  test("F50: a replica that loses its lease says who holds it, and resolves no alert by that", () =>
    withLeader(
      ["w_2077_42"],
      async (run) => {
        const { peers, service } = run;
        failPod(peers, await podOn(peers, "alder", "w_2077_42"), "manifest unknown");
        await untilTaskIs(run, "alder", "w_2077_42", "FAILED");
        await soon(() => assert.equal(messagesOf(service, /^pulls fail/).length, 1));
        const before = service.log.length;
        takeLease(peers);
        await soon(() => assert.equal(messagesOf(service, /^acquired leader lease/).length, 2));
        const lines = service.log.slice(before).map(({ level, msg }) => `${level}: ${msg}`);
        const told = lines.filter((line) => /lost leader lease|alert no longer|standby|acquired/.test(line));
        assert.deepEqual(
          new Set(told),
          new Set([
            "warn: lost leader lease: another holds it",
            "info: alert no longer observed",
            "info: standby: another holds the lease",
            "info: acquired leader lease",
          ]),
        );
        assert.deepEqual(messagesOf(service, /resolved|another replica/), []);
      },
      { prepuller: { leaderElection } },
    ));

  test("nothing is pulled while another one leads", async () => {
    await using peers = await startPrepullPeers(["w_2077_42"]);
    peers.setNode("alder");
    peers.cluster.put("leases", {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: LEASE_NAME, namespace: NAMESPACE },
      spec: { holderIdentity: "another", leaseDurationSeconds: 2, leaseTransitions: 0 },
    });
    const config = peers.config({ images: { numDailies: 0 }, prepuller: builtIn({ leaderElection }) });
    await using service = await startReadyService(config);
    assert.deepEqual(podsOf(peers), []);
    await untilTaskIs({ peers, service }, "alder", "w_2077_42", "PULLING");
  });
});

describe("what is left over", { concurrency: true }, () => {
  test("nothing is pulled before it could be seen to, which is tried until it works", async () => {
    await using peers = await startPrepullPeers(["w_2077_42"]);
    peers.setNode("alder");
    const left = refuseLists(peers, 2);
    const config = peers.config({ images: { numDailies: 0 }, prepuller: builtIn() });
    await using service = await startReadyService(config);
    await untilTaskIs({ peers, service }, "alder", "w_2077_42", "PULLING");
    assert.equal(left(), 0);
    assert.equal(defectsTold(service), 0);
  });

  test("it is looked for from time to time, also after a look that has failed", () =>
    withLeader(
      ["w_2077_42", "w_2077_43"],
      async (run) => {
        const { peers, service } = run;
        const pod = await podOn(peers, "alder", "w_2077_42");
        for (const letter of ["a", "b"]) {
          leaveOver(peers, pod, letter);
          await soon(() => assert.equal(peers.cluster.list("pods").length, 1));
        }
        provePod(peers, pod);
        await untilTaskIs(run, "alder", "w_2077_43", "PULLING");
        const left = refuseLists(peers, 2);
        await soon(() => assert.equal(left(), 0));
        leaveOver(peers, pod, "c");
        await soon(() => assert.deepEqual(podsOf(peers), ["alder w_2077_43"]));
        const task = await taskOn(run, "alder", "w_2077_43");
        assert.deepEqual([task?.prepullState, task?.attempts], ["PULLING", 1]);
        assert.equal((await taskOn(run, "alder", "w_2077_42"))?.prepullState, "SUCCEEDED");
        assert.equal(defectsTold(service), 0);
      },
      { clock: impatientClock(createSystemClock()) },
    ));
});
