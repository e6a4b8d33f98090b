import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { type ConfigChanges, type Peers, startPeers } from "./support/peers.ts";
import { missingTags, type Service, startReadyService } from "./support/service.ts";

/** What is promised is a second (docs/spec/refresh.md); on a busy machine the test allows three. */
const SOON = { withinMs: 3_000 };

/** Two nodes that have all there is: two weeklies, of which `recommended` is the older one. */
async function withNodes(
  check: (service: Service, peers: Peers) => Promise<void>,
  changes: ConfigChanges = {},
): Promise<void> {
  await using peers = await startPeers();
  for (const tag of ["w_2077_43", "w_2077_42"]) peers.push(tag);
  peers.push("recommended", "w_2077_42");
  for (const name of ["alder", "beech"]) peers.setNode(name, ["w_2077_43", "w_2077_42"]);
  await using service = await startReadyService(peers.config(changes));
  await check(service, peers);
}

/** Changes something and waits until the missing images are these; the milliseconds that it took go to the report. */
async function untilMissing(
  service: Service,
  change: () => void,
  expected: Readonly<Record<string, readonly string[]>>,
  context?: TestContext,
): Promise<void> {
  const changedAt = performance.now();
  change();
  await eventually(async () => assert.deepEqual(await missingTags(service), expected), SOON);
  context?.diagnostic(`shown after ${Math.round(performance.now() - changedAt)} ms`);
}

async function nodeStatuses({ client }: Service) {
  const { status, state } = await client.call("GetPrepullStatus", {});
  return { nodes: new Map(status.nodes.map((node) => [node.name, node])), stale: state.stale };
}

describe("the nodes are followed between refreshes", { concurrency: true }, () => {
  test("a node joins, images appear on it, an image goes, the node leaves", (context) =>
    withNodes(async (service, peers) => {
      const { setNode, report, cluster } = peers;
      await untilMissing(service, () => setNode("cedar"), { cedar: ["w_2077_42", "w_2077_43"] }, context);
      await untilMissing(service, () => report("cedar", ["w_2077_42"]), { cedar: ["w_2077_43"] }, context);
      await untilMissing(service, () => report("cedar", ["w_2077_42", "w_2077_43"]), {}, context);
      await untilMissing(service, () => report("cedar", ["w_2077_43"]), { cedar: ["w_2077_42"] }, context);
      await untilMissing(service, () => cluster.deleteNode("cedar"), {}, context);
    }));

  test("a cordoned node no longer counts; uncordoned it counts again", (context) =>
    withNodes(async (service, peers) => {
      await untilMissing(service, () => peers.report("beech", ["w_2077_43"]), { beech: ["w_2077_42"] });
      const cordon = (unschedulable: boolean | null) => peers.cluster.patchNode("beech", { spec: { unschedulable } });
      await untilMissing(service, () => cordon(true), {}, context);
      const beech = (await nodeStatuses(service)).nodes.get("beech");
      assert.equal(beech?.eligible, false);
      assert.equal(beech?.comment, "Node is tainted (NoSchedule, node.kubernetes.io/unschedulable)");
      assert.equal((await service.client.call("GetMenu", {})).menu.length, 2);
      await untilMissing(service, () => cordon(null), { beech: ["w_2077_42"] }, context);
    }));

  test("tolerations and the node selector are obeyed, also where labels change", () =>
    withNodes(
      async (service, peers) => {
        assert.deepEqual(await missingTags(service), {});
        const taints = [{ key: "dedicated", value: "gpu", effect: "NoSchedule" }];
        const labels = { pool: "lab" };
        const spec = { taints };
        const join = () => peers.setNode("elm", ["w_2077_42"], { metadata: { labels }, spec });
        await untilMissing(service, join, { elm: ["w_2077_43"] });
        await untilMissing(
          service,
          () => peers.cluster.patchNode("elm", { metadata: { labels: { pool: "other" } } }),
          {},
        );
        assert.deepEqual([...(await nodeStatuses(service)).nodes.keys()], []);
      },
      { nodeSelector: { pool: "lab" }, tolerations: [{ key: "dedicated", operator: "Exists" }] },
    ));

  test("a node that is made again under its name has no image of the old one (K5)", () =>
    withNodes(async (service, peers) => {
      await untilMissing(
        service,
        () => {
          peers.cluster.deleteNode("beech");
          peers.setNode("beech");
        },
        { beech: ["w_2077_42", "w_2077_43"] },
      );
    }));
});

describe("reports that are incomplete (K6)", { concurrency: true }, () => {
  test("F74: an empty list is the truth, also on a node that had images", () =>
    withNodes(async (service, peers) => {
      await untilMissing(service, () => peers.report("beech", []), { beech: ["w_2077_42", "w_2077_43"] });
      assert.equal((await nodeStatuses(service)).nodes.get("beech")?.imagesTruncated, false);
    }));

  test("a list at the limit leaves what it may have cut", () =>
    withNodes(
      async (service, peers) => {
        peers.push("another");
        peers.report("beech", ["another", "w_2077_43"]);
        await eventually(async () => {
          const { nodes } = await nodeStatuses(service);
          assert.deepEqual(nodes.get("beech")?.imagesTruncated, true);
        }, SOON);
        assert.deepEqual(await missingTags(service), {});
      },
      { kubernetes: { nodeStatusMaxImages: 2 } },
    ));

  test("F26: a list longer than the limit is whole, and the status says that the settings differ", () =>
    withNodes(
      async (service, peers) => {
        peers.push("another");
        peers.report("beech", ["another", "w_2077_43"]);
        await eventually(async () => {
          assert.deepEqual(await missingTags(service), { beech: ["w_2077_42"] });
        }, SOON);
        const { status } = await service.client.call("GetPrepullStatus", {});
        assert.deepEqual(
          status.problems.map(({ problemReason }) => problemReason),
          ["PROBLEM_REASON_IMAGE_LIMIT_DIFFERS"],
        );
        assert.equal((await nodeStatuses(service)).nodes.get("beech")?.imagesTruncated, false);
      },
      { kubernetes: { nodeStatusMaxImages: 1 } },
    ));

  test("names without digest, five names, no names and null are read as they are", () =>
    withNodes(async (service, peers) => {
      const digest = peers.pullReference("w_2077_43").split("@")[1];
      const others = [1, 2, 3, 4].map((mirror) => `mirror-${mirror}.example.org/lab@sha256:${`${mirror}`.repeat(64)}`);
      const images = [
        { names: [peers.reference("w_2077_42")], sizeBytes: 5 },
        { names: null, sizeBytes: 4 },
        { sizeBytes: 3 },
        { names: [...others, `mirror-5.example.org/lab@${digest}`] },
      ];
      const status = (node: string, content: Parameters<typeof peers.cluster.patchNode>[1]) => () =>
        peers.cluster.patchNode(node, { status: content });
      await untilMissing(service, status("beech", { images }), { beech: ["w_2077_42"] });
      await untilMissing(service, () => peers.setNode("cedar", [], { status: { images: null } }), {
        beech: ["w_2077_42"],
        cedar: ["w_2077_42", "w_2077_43"],
      });
    }));
});
