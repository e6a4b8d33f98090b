import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeRules } from "../../src/domain/nodes/node-record.ts";
import type { NodeReport } from "../../src/domain/nodes/node-report.ts";
import {
  PullCancelledError,
  type PullFailure,
  type PullOrder,
  type PullOutcome,
  PullReleasedError,
} from "../../src/domain/prepull/pull.ts";
import type { CoordinatorEmitted } from "../../src/machines/coordinator.ts";
import type { Leadership, Logger, NodeListener, NodeSource, Puller } from "../../src/ports.ts";
import { createImageService } from "../../src/service/image-service.ts";
import {
  CORDON,
  digest,
  imageSettings,
  listing,
  nodeReport,
  nodeRules,
  REPOSITORY,
  serviceOf,
} from "../support/image-world.ts";
import { manualClock } from "../support/manual-clock.ts";

/** One pull that the service has asked for. */
interface Asked {
  readonly order: PullOrder;
  readonly signal: AbortSignal;
  readonly withdrawn: AbortSignal;
  readonly overdue: AbortSignal;
  readonly onStalled: (failure: PullFailure) => void;
  readonly end: (outcome: PullOutcome) => void;
  readonly breakDown: (error: Error) => void;
}

interface WorldOptions {
  readonly nodes?: readonly NodeReport[];
  readonly outside?: boolean;
  readonly rules?: NodeRules;
  /** How often following the leadership throws before it works. */
  readonly defects?: number;
}

/** The service between a registry with two images, a cluster of these nodes, and a puller in the test's hands. */
async function world({
  nodes = [nodeReport("n1"), nodeReport("n2")],
  outside = false,
  rules = nodeRules(),
  defects = 0,
}: WorldOptions = {}) {
  const clock = manualClock();
  const asked: Asked[] = [];
  const news: CoordinatorEmitted[] = [];
  const errors: string[] = [];
  const watch: { listener: NodeListener | null } = { listener: null };
  const lead = { leading: true, tell: (_leading: boolean): void => undefined, defects };
  const nodeSource: NodeSource = {
    list(onPage) {
      onPage({ nodes, observedAt: clock.monotonicTime() });
      return Promise.resolve();
    },
    follow(listener) {
      watch.listener = listener;
    },
  };
  const puller: Puller = {
    pull: (order, { signal, withdrawn, overdue, onAccepted, onStalled }) =>
      new Promise((end, breakDown) => {
        asked.push({ order, signal, withdrawn, overdue, onStalled, end, breakDown });
        onAccepted();
        signal.addEventListener("abort", () => breakDown(signal.reason), { once: true });
      }),
    tryPod: () => Promise.resolve(null),
    recover: () => Promise.resolve({ ended: [], inProgress: [] }),
  };
  const leadership: Leadership = {
    follow(onChange) {
      if (lead.defects-- > 0) throw new Error("a defect of the test's making");
      lead.tell = (leading) => {
        lead.leading = leading;
        onChange(leading);
      };
      onChange(lead.leading);
    },
    mayWrite: () => lead.leading,
  };
  const logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (_, message) => void errors.push(message),
    child: () => logger,
  };
  const settings = imageSettings({ numWeeklies: 1 });
  const service = createImageService({
    onGateMessage: () => undefined,
    onGateLimit: () => undefined,
    epoch: "e",
    rules: { ...rules, excludesDrained: !outside },
    ...serviceOf(settings, {
      ...REPOSITORY,
      listTags: () => Promise.resolve(listing(["recommended", "d"], ["w_2077_43", "w"])),
      ignoreRetryAfter: () => undefined,
      resolveTags: () => Promise.resolve(new Map()),
    }),
    nodes: nodeSource,
    lookUpTag: () => Promise.resolve(null),
    prepuller: outside ? undefined : { puller, leadership, maxConcurrentPulls: 2 },
    clock,
    random: () => 0,
    logger,
    observe: (one) => void news.push(one),
    onBroken(error) {
      throw error;
    },
  });
  service.start();
  while (service.reader.current() === null) await clock.advance(0);
  await clock.advance(10);
  const work = () => {
    const byNode = service.reader.progress();
    const names = service.reader.current()?.nodes() ?? [];
    return names.flatMap(({ name }) => byNode.get(name) ?? []);
  };
  return {
    service,
    clock,
    asked,
    news,
    errors,
    lead,
    work,
    progress: () => work().map(({ node, state, digest: of }) => `${node} ${state} ${of}`),
    report: (node: NodeReport) =>
      watch.listener?.changed([{ type: "node.reported", node, observedAt: clock.monotonicTime() }]),
    remove: (name: string) =>
      watch.listener?.changed([{ type: "node.removed", name, uid: `uid-${name}`, observedAt: clock.monotonicTime() }]),
  };
}

const missing = ({ service }: Awaited<ReturnType<typeof world>>) =>
  service.reader
    .current()
    ?.missing()
    .map(({ node, images }) => `${node} ${images.length}`);

test("a pull that succeeds is marked at once, shown, and reported to those who listen", async () => {
  const here = await world();
  const { service, asked, clock } = here;
  assert.deepEqual(here.progress(), [
    `n1 PULLING ${digest("d")}`,
    `n1 WAITING ${digest("w")}`,
    `n2 PULLING ${digest("d")}`,
    `n2 WAITING ${digest("w")}`,
  ]);
  assert.equal(service.reader.progress(), service.reader.progress(), "the same map while nothing has changed");
  assert.equal(asked[0]?.order.reference, "registry.test:5000/sciplat/lab:recommended@sha256:d");
  assert.equal(asked[0]?.order.timeout, 600_000);
  const before = here.work();
  let told = 0;
  const end = service.reader.onChange(() => {
    told += 1;
  });
  asked[0]?.end({ kind: "pulled" });
  await clock.advance(0);
  assert.ok(told > 0);
  end();
  assert.deepEqual(missing(here), ["n1 1", "n2 2"]);
  assert.deepEqual(here.progress().slice(0, 2), [`n1 SUCCEEDED ${digest("d")}`, `n1 PULLING ${digest("w")}`]);
  assert.equal(here.work()[2], before[2], "what is as it was is the same object");
  service.stop();
});

test("a failure is shown with its reason and the time of the next attempt", async () => {
  const { service, asked, clock, news, work } = await world();
  asked[0]?.end({
    kind: "failed",
    failureClass: "registry-denied",
    reason: "ErrImagePull",
    message: "401 Unauthorized",
  });
  await clock.advance(0);
  const failed = work().find(({ state }) => state === "FAILED");
  assert.deepEqual(
    [failed?.reason, failed?.message, failed?.attempts, failed?.nextAttemptTime],
    ["ErrImagePull", "401 Unauthorized", 1, clock.wallTime() + 5_000],
  );
  const told = news.flatMap((one) =>
    one.type === "prepuller.emitted" && one.news.type === "pull.failed" ? [one.news] : [],
  );
  assert.deepEqual(
    told.map(({ failureClass, node }) => [failureClass, node]),
    [["registry-denied", "n1"]],
  );
  service.stop();
});

for (const key of [
  "node.kubernetes.io/unschedulable",
  "ToBeDeletedByClusterAutoscaler",
  "karpenter.sh/disrupted",
] as const) {
  test(`F28: pulls on a node that is drained (${key}) are withdrawn although its taint is tolerated`, async () => {
    const rules = nodeRules({ tolerations: [{ operator: "Exists" }] });
    const here = await world({ rules });
    assert.equal(here.asked.length, 2);
    here.report(nodeReport("n1", { taints: [{ key, value: "", effect: "NoSchedule" }] }));
    await here.clock.advance(100);
    const [first, second] = here.asked;
    assert.ok(first?.signal.reason instanceof PullCancelledError);
    assert.equal(second?.signal.aborted, false);
    const shown = here.work().filter(({ node }) => node === "n1");
    assert.deepEqual(
      shown.map(({ state, message }) => [state, message]),
      [["CANCELLED", `the node is cordoned or being drained (${key})`]],
    );
    assert.deepEqual(
      here.news.filter((one) => one.type === "prepuller.emitted" && one.news.type === "pull.failed"),
      [],
    );
    assert.deepEqual(missing(here), ["n2 2"], "nothing is missing where nothing is pulled");
    here.report(nodeReport("n1"));
    await here.clock.advance(100);
    assert.equal(here.asked.length, 3, "it is pulled to again when the drain is over");
    here.service.stop();
  });
}

test("F28: a drained node that gets no pulls keeps no image off the menu", async () => {
  const rules = nodeRules({ tolerations: [{ operator: "Exists" }] });
  const here = await world({ rules, nodes: [nodeReport("n1", { taints: [CORDON] }), nodeReport("n2")] });
  const menu = () =>
    here.service.reader
      .current()
      ?.menu(0)
      .menu.map(({ image }) => image.tag);
  assert.deepEqual(menu(), ["recommended"]);
  assert.deepEqual(
    here.asked.map(({ order }) => order.node),
    ["n2"],
  );
  here.asked[0]?.end({ kind: "pulled" });
  await here.clock.advance(100);
  here.asked[1]?.end({ kind: "pulled" });
  await here.clock.advance(100);
  assert.deepEqual(menu(), ["recommended", "w_2077_43"]);
  here.service.stop();
});

test("F28: an outside prepuller may go on with nodes that are drained", async () => {
  const here = await world({ outside: true, rules: nodeRules({ tolerations: [{ operator: "Exists" }] }) });
  here.report(nodeReport("n1", { taints: [CORDON] }));
  await here.clock.advance(100);
  const report = { node: "n1", digest: digest("d"), reason: "", message: "", failureClass: null };
  assert.equal(here.service.commands.reportPrepull({ ...report, state: "PULLING" }), true);
  assert.deepEqual(missing(here), ["n1 2", "n2 2"]);
  here.service.stop();
});

test("a node that is deleted in the middle of its prepull has its pull cancelled, pod and all (K5)", async () => {
  const here = await world();
  here.remove("n1");
  await here.clock.advance(0);
  assert.ok(here.asked[0]?.signal.reason instanceof PullCancelledError);
  assert.ok(here.progress().every((line) => line.startsWith("n2")));
  here.service.stop();
});

test("a pull of a node that was made again meanwhile marks nothing (K5)", async () => {
  const here = await world({ nodes: [nodeReport("n1")] });
  here.report(nodeReport("n1", { uid: "another" }));
  here.asked[0]?.end({ kind: "pulled" });
  await here.clock.advance(0);
  assert.deepEqual(missing(here), ["n1 2"]);
  assert.equal(here.asked.at(-1)?.order.nodeUid, "another");
  here.service.stop();
});

test("whoever loses the lead, and whoever stops, leaves the pods to the next", async () => {
  const loser = await world();
  loser.lead.tell(false);
  assert.ok(loser.asked[0]?.signal.reason instanceof PullReleasedError);
  assert.deepEqual(loser.progress(), []);
  loser.service.stop();
  const { service, asked, clock } = await world();
  service.stop();
  assert.ok(asked[0]?.signal.reason instanceof PullReleasedError);
  assert.equal(clock.pending, 0);
});

test("a puller that breaks has failed, for a reason that is in the log alone (P6)", async () => {
  const { service, asked, clock, errors, work } = await world();
  asked[0]?.breakDown(new Error("token=secret"));
  await clock.advance(0);
  const failed = work().find(({ state }) => state === "FAILED");
  assert.equal(failed?.reason, "Defect");
  assert.ok(!failed.message.includes("secret"));
  assert.deepEqual(errors, ["pull threw (bug)"]);
  service.stop();
});

test("a prepuller that crashes is started again, and the service goes on meanwhile (P6)", async () => {
  const here = await world({ defects: 1 });
  const { service, clock, news, asked } = here;
  assert.ok(news.some((one) => one.type === "actor.crashed" && one.actor === "prepuller"));
  assert.deepEqual(here.progress(), []);
  assert.deepEqual(missing(here), ["n1 2", "n2 2"]);
  assert.equal(service.commands.markPrepulled(digest("d"), "n1"), true);
  await clock.advance(500);
  assert.deepEqual(
    asked.map(({ order }) => `${order.node} ${order.digest}`),
    [`n2 ${digest("d")}`, `n1 ${digest("w")}`],
    "the recommended image first",
  );
  service.stop();
});

test("an outside prepuller's reports are shown in the same way; SUCCEEDED is a mark", async () => {
  const here = await world({ outside: true });
  const { commands } = here.service;
  const report = { node: "n1", digest: digest("d"), reason: "", message: "", failureClass: null };
  assert.equal(commands.reportPrepull({ ...report, state: "PULLING" }), true);
  assert.equal(here.progress()[0], `n1 PULLING ${digest("d")}`);
  assert.equal(commands.reportPrepull({ ...report, state: "FAILED", reason: "Evicted" }), true);
  assert.equal(here.progress()[0], `n1 FAILED ${digest("d")}`);
  assert.equal(commands.reportPrepull({ ...report, state: "SUCCEEDED" }), true);
  assert.equal(here.progress()[0], `n1 SUCCEEDED ${digest("d")}`);
  assert.deepEqual(missing(here), ["n1 1", "n2 2"]);
  assert.equal(commands.reportPrepull({ ...report, state: "PULLING" }), false, "nothing is missing there");
  assert.equal(commands.reportPrepull({ ...report, state: "SUCCEEDED" }), true, "a mark may come twice");
  assert.equal(commands.reportPrepull({ ...report, digest: "sha256:other", state: "SUCCEEDED" }), false);
  assert.equal(commands.reportPrepull({ ...report, node: "gone", state: "SUCCEEDED" }), false);
  here.service.stop();
});

test("with the built-in prepuller on, reports move nothing, and SUCCEEDED still marks", async () => {
  const here = await world();
  const { commands } = here.service;
  const report = { node: "n1", digest: digest("w"), reason: "", message: "", failureClass: null };
  assert.equal(commands.reportPrepull({ ...report, state: "FAILED" }), false);
  assert.equal(commands.reportPrepull({ ...report, state: "SUCCEEDED" }), true);
  assert.deepEqual(missing(here), ["n1 1", "n2 2"]);
  here.service.stop();
});
