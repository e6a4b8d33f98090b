import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PULL_FAILURE_CLASSES } from "../../../src/domain/prepull/classify-failure.ts";
import type { NodeImage, NodeStatus, PrepullProgress } from "../../../src/domain/snapshot/answers.ts";
import { FailureClass } from "../../../src/grpc/gen/labimages/v1/FailureClass.ts";
import type { GetPrepullStatusResponse__Output } from "../../../src/grpc/gen/labimages/v1/GetPrepullStatusResponse.ts";
import { ask } from "../support/calls.ts";
import { fakeState, snapshotOf } from "../support/fake-state.ts";
import { weeklies } from "../support/images.ts";
import { type RunningServer, SETTINGS, startServer } from "../support/running-server.ts";

const nodes = (count: number): NodeStatus[] =>
  Array.from({ length: count }, (_, index) => ({
    name: `node-${index}`,
    eligible: index !== 1,
    comment: index === 1 ? "Node is tainted (NoSchedule, broken)" : null,
    cached: [`r/l:w_${index}`],
    imagesTruncated: index === 2,
  }));

const nodeImages = (count: number, names: readonly string[] = ["node-0"]): NodeImage[] =>
  weeklies(count).map((image) => ({ image, nodes: names, missing: ["node-9"] }));

async function allPages({ client }: RunningServer, pageSize: number): Promise<GetPrepullStatusResponse__Output[]> {
  const pages: GetPrepullStatusResponse__Output[] = [];
  let pageToken = "";
  do {
    const page = await ask(client, client.GetPrepullStatus, { pageSize, pageToken });
    pages.push(page);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return pages;
}

const names = (page: GetPrepullStatusResponse__Output) => page.status?.nodes.map(({ name }) => name) ?? [];

const WORK: PrepullProgress = {
  node: "node-2",
  reference: "r/l:w@sha256:1",
  digest: "sha256:1",
  state: "FAILED",
  reason: "ErrImagePull",
  message: "two\nlines",
  failureClass: "registry-denied",
  attempts: 2,
  startTime: 1_500,
  nextAttemptTime: 2_000,
};

describe("GetPrepullStatus", () => {
  test("shows the work on each node beside it, as it is at the time of the call", async (context) => {
    const state = fakeState(snapshotOf(1, { images: [], nodes: nodes(3) }));
    const running = await startServer(context, { state });
    assert.deepEqual(
      (await allPages(running, 2)).map(({ status }) => status?.progress),
      [[], []],
    );
    state.progress = [WORK, { ...WORK, node: "gone" }];
    const [first, second] = await allPages(running, 2);
    assert.deepEqual(first?.status?.progress, []);
    const [shown, ...others] = second?.status?.progress ?? [];
    assert.deepEqual(others, []);
    assert.deepEqual(
      [shown?.node, shown?.prepullState, shown?.reason, shown?.message, shown?.attempts],
      ["node-2", "PREPULL_STATE_FAILED", "ErrImagePull", "two lines", 2],
    );
    assert.equal(shown?.failureClass, "FAILURE_CLASS_REGISTRY_DENIED");
    assert.deepEqual([shown?.startTime?.nanos, Number(shown?.nextAttemptTime?.seconds)], [500_000_000, 2]);
  });

  test("F24: each class of failures has its value, and no failure the first", async (context) => {
    const state = fakeState(snapshotOf(1, { images: [], nodes: nodes(1) }));
    const running = await startServer(context, { state });
    state.progress = [...PULL_FAILURE_CLASSES, null].map((failureClass) => ({ ...WORK, node: "node-0", failureClass }));
    const [page] = await allPages(running, 1);
    const shown = page?.status?.progress.map(({ failureClass }) => failureClass) ?? [];
    assert.deepEqual(new Set(shown), new Set(Object.values(FailureClass)));
    assert.equal(shown.at(-1), "FAILURE_CLASS_UNSPECIFIED");
  });

  test("shows configuration, sources and images first, then pages of nodes", async (context) => {
    const prepullImages = { prepulled: nodeImages(2), pending: nodeImages(3) };
    const state = fakeState(snapshotOf(1, { images: [], nodes: nodes(5), prepullImages }));
    const pages = await allPages(await startServer(context, { state }), 2);
    assert.deepEqual(pages.map(names), [["node-0", "node-1"], ["node-2", "node-3"], ["node-4"]]);
    const [first, ...others] = pages;
    assert.equal(first?.status?.prepulled.length, 2);
    assert.equal(first?.status?.pending.length, 3);
    assert.deepEqual(first?.status?.pending[2]?.image?.tag, "w_2077_50");
    assert.deepEqual(first?.status?.pending[2]?.nodes, ["node-0"]);
    assert.deepEqual(first?.status?.pending[2]?.missing, ["node-9"]);
    assert.deepEqual(first?.status?.nodes[1], {
      name: "node-1",
      eligible: false,
      comment: "Node is tainted (NoSchedule, broken)",
      cached: ["r/l:w_1"],
      imagesTruncated: false,
    });
    assert.equal(pages[1]?.status?.nodes[0]?.imagesTruncated, true);
    for (const { status } of others) {
      assert.equal(status?.config, null);
      assert.deepEqual([status?.sources, status?.prepulled, status?.pending, status?.progress], [[], [], [], []]);
    }
  });

  test("shows the whole configuration", async (context) => {
    const { client } = await startServer(context, { state: fakeState(snapshotOf(1, { images: [] })) });
    const { status } = await ask(client, client.GetPrepullStatus, {});
    assert.deepEqual(status?.config, {
      docker: { registry: "registry.example.org", repository: "sciplat/lab" },
      source: "docker",
      refreshInterval: { seconds: 300, nanos: 0 },
      prepullTimeout: { seconds: 600, nanos: 500_000_000 },
      recommendedTag: "recommended",
      numReleases: 1,
      numWeeklies: 2,
      numDailies: 3,
      cycle: 45,
      _cycle: "cycle",
      pin: ["w_2077_01"],
      aliasTags: ["latest_weekly"],
      nodeSelector: { pool: "labs" },
      tolerations: [
        {
          key: "dedicated",
          operator: "Exists",
          value: "",
          effect: "NoExecute",
          tolerationSeconds: 60,
          _tolerationSeconds: "tolerationSeconds",
        },
        { key: "", operator: "", value: "", effect: "" },
      ],
      namespace: "prepull",
      pullSecret: "pull-secret",
    });
  });

  test("shows a Google source, and what is not configured as empty", async (context) => {
    const source = { type: "google", location: "us", projectId: "p", repository: "r", image: "i" } as const;
    const settings = {
      ...SETTINGS,
      images: { ...SETTINGS.images, source, cycle: null },
      namespace: null,
      pullSecret: null,
    };
    const { client } = await startServer(context, { state: fakeState(snapshotOf(1, { images: [] })), settings });
    const { status } = await ask(client, client.GetPrepullStatus, {});
    const { google, cycle, namespace, pullSecret } = status?.config ?? {};
    assert.deepEqual(google, { location: "us", projectId: "p", repository: "r", image: "i" });
    assert.deepEqual([cycle, namespace, pullSecret], [undefined, "", ""]);
  });

  test("shows the sources as they are now, without a new snapshot", async (context) => {
    const state = fakeState(snapshotOf(1, { images: [], nodes: nodes(3) }));
    const { client } = await startServer(context, { state });
    const before = await ask(client, client.GetPrepullStatus, {});
    assert.deepEqual(
      before.status?.sources.map(({ name, ok }) => [name, ok]),
      [
        ["registry", true],
        ["kubernetes", true],
      ],
    );
    state.sources = [
      { name: "registry", source: "default", ok: false, reason: "no answer\nfor a minute", lastSuccessTime: null },
      { name: "kubernetes", source: "", ok: true, reason: "", lastSuccessTime: 1_500, refreshingSince: 2_000 },
    ];
    const after = await ask(client, client.GetPrepullStatus, {});
    assert.deepEqual(after.status?.sources, [
      {
        name: "registry",
        source: "default",
        ok: false,
        reason: "no answer for a minute",
        lastSuccessTime: null,
        refreshStartTime: null,
      },
      {
        name: "kubernetes",
        source: "",
        ok: true,
        reason: "",
        lastSuccessTime: { seconds: 1, nanos: 500_000_000 },
        refreshStartTime: { seconds: 2, nanos: 0 },
      },
    ]);
    assert.deepEqual(names(after), names(before));
  });

  test("images that one message cannot hold go on in the next, before the nodes", async (context) => {
    const many = Array.from({ length: 5_000 }, (_, index) => `node-${index}-${"x".repeat(50)}`);
    const prepullImages = { prepulled: nodeImages(15, many), pending: nodeImages(15, many) };
    const state = fakeState(snapshotOf(1, { images: [], nodes: nodes(10), prepullImages }));
    const pages = await allPages(await startServer(context, { state }), 8);
    assert.ok(pages.length > 3);
    const count = (part: "prepulled" | "pending" | "nodes") =>
      pages.reduce((sum, { status }) => sum + (status?.[part].length ?? 0), 0);
    assert.deepEqual([count("prepulled"), count("pending"), count("nodes")], [15, 15, 10]);
    assert.ok(pages.every(({ status }) => (status?.nodes.length ?? 0) <= 8));
    const tags = pages.flatMap(({ status }) => status?.pending.map(({ image }) => image?.tag) ?? []);
    assert.deepEqual(
      tags,
      prepullImages.pending.map(({ image }) => image.tag),
    );
  });
});
