import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { CALL_CODES } from "../../src/grpc/server/error-table.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { reportPrepull } from "../cluster/service-calls.ts";
import { assertInRange, familyOf, type MetricsPage, parseMetrics, sampleSum, scrape } from "../support/metrics-page.ts";
import { type Peers, startPeers } from "./support/peers.ts";
import {
  builtIn,
  failPod,
  podOn,
  provePod,
  soon,
  startPrepullPeers,
  takeLease,
  untilTaskIs,
} from "./support/prepull-scene.ts";
import { missingTags, nextOpening, openGate, type Service, startReadyService } from "./support/service.ts";

const SECRET = "hook-secret";

/** Patterns of the labels' values: a set each, which a fresh page has where the values are known beforehand. */
async function labelValues(): Promise<Readonly<Record<string, RegExp>>> {
  const metrics = createMetrics();
  const { samples } = parseMetrics(await metrics.render());
  metrics.close();
  const known = (label: string) => {
    const values = samples.flatMap(({ labels }) => labels[label] ?? []);
    return new RegExp(`^(${[...new Set(values)].join("|")})$`);
  };
  return {
    cause: known("cause"),
    outcome: known("outcome"),
    slot: known("slot"),
    failure: known("failure"),
    method: /^(GET|HEAD|POST|(labimages\.v1\.ImageService|grpc\.health\.v1\.Health)\/\w+)$/,
    code: new RegExp(`^(${CALL_CODES.join("|")})$`),
    status: /^(\d{3}|failed)$/,
    source: /^(registry|kubernetes)$/,
    key: /^(recommendedTag|pin)$/,
    protocol: known("protocol"),
    limit: known("limit"),
    le: /^(\+Inf|[\d.]+)$/,
  };
}

/** Scrapes a service again and again, and asserts at each scrape that everything is in range. */
async function scraper({ http }: Service) {
  const allowed = await labelValues();
  const pages: MetricsPage[] = [];
  return {
    pages,
    async scrape(): Promise<MetricsPage> {
      const page = await scrape(http);
      assertInRange(page, pages.at(-1) ?? null, allowed);
      pages.push(page);
      return page;
    },
  };
}

/** A folder with the secret of the hook, which goes when the test is over. */
async function secretFile(): Promise<{ readonly path: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "lab-images-metrics-"));
  const path = join(folder, "secret");
  await writeFile(path, SECRET);
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

/** Calls of each kind, good and bad, and a stream that is open meanwhile. */
async function callEverything(service: Service, scrapeNow: () => Promise<MetricsPage>): Promise<void> {
  const { client, http } = service;
  const gate = await openGate(service);
  await nextOpening(gate);
  await client.call("Refresh", {});
  await nextOpening(gate);
  assert.equal(sampleSum(await scrapeNow(), "labimages_grpc_open_streams"), 1);
  gate.cancel();
  await assert.rejects(client.call("ResolveImage", { tag: "no_such_tag" }));
  await client.call("GetMenu", {});
  const headers = { authorization: `Bearer ${SECRET}` };
  const notify = async (body = "") =>
    (await fetch(`http://${http}/hooks/registry`, { method: "POST", headers, body })).status;
  assert.equal(await notify(), 202);
  assert.equal(await notify("x".repeat(1_048_577)).catch(() => 413), 413);
}

/** Pulls that succeed, fail and are left to another replica, and an image that does not stay on its node. */
async function pullEverything(run: { peers: Peers; service: Service }, scrapeNow: () => Promise<MetricsPage>) {
  const { peers } = run;
  failPod(peers, await podOn(peers, "alder", "w_2077_43"), "manifest unknown");
  await untilTaskIs(run, "alder", "w_2077_43", "FAILED");
  for (let time = 1; time <= 3; time += 1) {
    provePod(peers, await podOn(peers, "birch", "w_2077_43"));
    await soon(async () => assert.ok(!("birch" in (await missingTags(run.service)))));
    peers.report("birch", []);
  }
  await soon(async () => assert.equal(sampleSum(await scrapeNow(), "labimages_thrashing_images_total"), 1));
}

describe("metrics", () => {
  test("F53: every series that is declared has a sample, moves, and stays in range", async () => {
    await using secret = await secretFile();
    await using peers = await startPrepullPeers(["w_2077_43"]);
    for (const name of ["alder", "birch"]) peers.setNode(name);
    const config = peers.config({
      images: { refreshInterval: "1s", pin: ["w_1999_1"] },
      kubernetes: { markGrace: "0.1s", nodeStatusMaxImages: 1 },
      prepuller: builtIn({ leaderElection: { leaseDuration: 6, renewDeadline: 4, retryPeriod: 0.2 } }),
      http: { listen: "127.0.0.1:0", hookSecretFile: secret.path },
    });
    let dropped = 0;
    await using service = await startReadyService(config, { droppedLines: () => dropped });
    const { pages, scrape: scrapeNow } = await scraper(service);
    await scrapeNow();
    await callEverything(service, scrapeNow);
    await pullEverything({ peers, service }, scrapeNow);
    takeLease(peers, 3);
    await soon(async () => assert.equal(sampleSum(await scrapeNow(), "labimages_prepuller_leading"), 0));
    await soon(async () => assert.equal(sampleSum(await scrapeNow(), "labimages_prepuller_leading"), 1));
    peers.report("alder", ["w_2077_43"]);
    await soon(async () => assert.equal(sampleSum(await scrapeNow(), "labimages_truncated_nodes"), 1));
    peers.push("w_1999_1");
    peers.setNode("cedar");
    await soon(async () => assert.equal(sampleSum(await scrapeNow(), "labimages_unresolved_tags"), 0));
    peers.registryProxy.setFault({ kind: "refuse", applyToOpen: true });
    await soon(async () => assert.equal(sampleSum(await scrapeNow(), "labimages_snapshot_stale"), 1));
    dropped = 2;
    const last = await scrapeNow();
    assert.deepEqual(unsampled(last), []);
    // This service has no configuration file that could change: test/telemetry/metrics.test.ts moves this one.
    assert.deepEqual(unmoved(pages), ["labimages_config_changes_total"]);
  });

  test("F53: with an outside prepuller pulls are counted, whatever it reports and leaves out", async () => {
    await using peers = await startPeers();
    for (const tag of ["w_2077_42", "w_2077_43", "d_2077_10_23"]) peers.push(tag);
    peers.push("recommended", "w_2077_42");
    for (const name of ["alder", "birch"]) peers.setNode(name);
    await using service = await startReadyService(peers.config());
    const { scrape: scrapeNow } = await scraper(service);
    const report = (node: string, tag: string, state: string) =>
      reportPrepull(service.grpc, {
        reference: peers.pullReference(tag),
        node,
        prepullState: `PREPULL_STATE_${state}`,
        reason: "",
        message: "",
      });
    const counts = async () => {
      const page = await scrapeNow();
      const ended = (outcome: string) => sampleSum(page, "labimages_pulls_total", { outcome });
      return {
        running: sampleSum(page, "labimages_pulls_running"),
        ended: [ended("success"), ended("failure"), ended("cancelled")],
        timed: sampleSum(page, "labimages_pull_duration_seconds_count"),
      };
    };
    await soon(async () => assert.equal(Object.keys(await missingTags(service)).length, 2));
    for (let time = 0; time < 3; time += 1) assert.equal(await report("alder", "w_2077_42", "FAILED"), true);
    await soon(async () => assert.deepEqual(await counts(), { running: 0, ended: [0, 3, 0], timed: 0 }));
    await report("alder", "w_2077_42", "SUCCEEDED");
    const mark = { reference: peers.pullReference("w_2077_43"), node: "alder" };
    assert.equal((await service.client.call("MarkPrepulled", mark)).applied, true);
    await soon(async () => assert.deepEqual(await counts(), { running: 0, ended: [2, 3, 0], timed: 0 }));
    for (const tag of ["w_2077_42", "w_2077_43", "d_2077_10_23"]) await report("birch", tag, "PULLING");
    await soon(async () => assert.equal((await counts()).running, 3));
    await report("birch", "w_2077_42", "CANCELLED");
    await report("birch", "w_2077_43", "SUCCEEDED");
    peers.report("birch", ["d_2077_10_23"]);
    await soon(async () => assert.deepEqual(await counts(), { running: 0, ended: [4, 3, 1], timed: 2 }));
    peers.report("birch", ["w_2077_42", "w_2077_43", "d_2077_10_23"]);
    await soon(async () => assert.deepEqual(Object.keys(await missingTags(service)), ["alder"]));
    const { status } = await service.client.call("GetPrepullStatus", {});
    const cancelled = status.progress.filter(({ prepullState }) => prepullState === "PREPULL_STATE_CANCELLED");
    assert.deepEqual(cancelled, [], "an image that is there was not given up");
  });
});

function unsampled(page: MetricsPage): readonly string[] {
  const sampled = new Set(page.samples.map((sample) => familyOf(page, sample)));
  return [...page.types.keys()].filter((name) => !sampled.has(name));
}

/** Names whose samples had the same sum on all pages. */
function unmoved(pages: readonly MetricsPage[]): readonly string[] {
  const seen = new Map<string, Set<number>>();
  for (const page of pages) {
    for (const name of page.types.keys()) {
      const own = page.samples.filter((sample) => familyOf(page, sample) === name);
      const sum = own.reduce((total, { value }) => total + value, 0);
      seen.set(name, (seen.get(name) ?? new Set()).add(sum));
    }
  }
  return [...seen].flatMap(([name, sums]) => (sums.size > 1 ? [] : [name]));
}
