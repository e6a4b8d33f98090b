import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../src/simulation/kubernetes/kubernetes-objects.ts";
import { eventually } from "../support/eventually.ts";
import { sampleSum, scrape } from "../support/metrics-page.ts";
import { type ConfigContent, type Peers, startPeers } from "./support/peers.ts";
import { missingTags, type Service, startReadyService } from "./support/service.ts";

const SCIPY = "jupyter/scipy-notebook";
const RAPIDS = "rapidsai/notebooks";
const GPU = { key: "nvidia.com/gpu", operator: "Exists", effect: "NoSchedule" };

/** Two sources in one registry, a set for all nodes and one for those with a GPU. */
function configOf(peers: Peers, rapidsHost?: string): ConfigContent {
  const { images: _, ...common } = peers.config();
  const registry = peers.place.slice(0, peers.place.indexOf("/"));
  return {
    ...common,
    sources: [
      {
        name: "scipy",
        type: "docker",
        registry,
        repository: SCIPY,
        refreshInterval: "1h",
        tags: { scheme: "calver", format: "YYYY-0M-0D" },
      },
      {
        name: "rapids",
        type: "docker",
        registry: rapidsHost ?? registry,
        repository: RAPIDS,
        refreshInterval: "1h",
        tags: { scheme: "regex", pattern: "(?<major>\\d{2})\\.(?<minor>\\d{2})-(?<variant>cuda\\d+)" },
      },
    ],
    sets: [
      {
        name: "everybody",
        images: [
          { source: "scipy", alias: "latest" },
          { source: "scipy", newest: 2 },
        ],
      },
      {
        name: "gpu",
        nodes: { selector: { gpu: "true" }, tolerations: [GPU] },
        images: [{ source: "rapids", variant: "*", newest: 1 }],
      },
    ],
  };
}

function pushAll({ registry }: Peers): void {
  for (const tag of ["2026-11-09", "2026-11-16", "2026-11-23"]) registry.push(SCIPY, tag, { content: tag });
  registry.push(SCIPY, "latest", { content: "2026-11-23" });
  for (const tag of ["26.08-cuda12", "26.10-cuda12", "26.10-cuda13"]) registry.push(RAPIDS, tag, { content: tag });
}

function putNode({ cluster }: Peers, name: string, isGpu: boolean, references: readonly string[] = []): void {
  const labels: JsonObject = { "kubernetes.io/arch": "amd64", ...(isGpu ? { gpu: "true" } : {}) };
  const taints = isGpu ? [{ key: GPU.key, value: "present", effect: GPU.effect }] : [];
  const images = references.map((reference) => ({ names: [reference], sizeBytes: 4_000_000_000 }));
  cluster.putNode({ metadata: { name, labels }, spec: { taints }, status: { images } });
}

/** The menu of a set: each tag with how many nodes have it, of how many. */
async function menuOf({ client }: Service, set: string) {
  const { dropdown, menu } = await client.call("GetMenu", { set });
  return {
    images: dropdown.map(({ source, tag, nodesReady, nodesTotal }) => `${source}:${tag} ${nodesReady}/${nodesTotal}`),
    menu: menu.map(({ tag }) => tag),
  };
}

test("two sources, and a set for each kind of node: missing images, menus and look-ups", async () => {
  await using peers = await startPeers();
  pushAll(peers);
  putNode(peers, "cpu", false);
  putNode(peers, "gpu", true);
  await using service = await startReadyService(configOf(peers));
  assert.deepEqual(await missingTags(service), {
    cpu: ["latest", "2026-11-16"],
    gpu: ["26.10-cuda13", "26.10-cuda12"],
  });
  assert.deepEqual(await menuOf(service, ""), {
    images: ["scipy:latest 0/1", "scipy:2026-11-16 0/1"],
    menu: ["latest"],
  });
  assert.deepEqual(await menuOf(service, "gpu"), {
    images: ["rapids:26.10-cuda13 0/1", "rapids:26.10-cuda12 0/1"],
    menu: ["26.10-cuda13"],
  });
  const { client } = service;
  const { image } = await client.call("ResolveImage", { imageClass: "IMAGE_CLASS_LATEST", source: "rapids" });
  assert.deepEqual(
    [image?.tag, image?.source, image?.tagClass, image?.wanted, image?.wantedBy],
    ["26.10-cuda13", "rapids", "release", true, ["gpu: newest 1 of rapids, variant *"]],
  );
  const older = await client.call("ResolveImage", { tag: "26.08-cuda12", source: "rapids" });
  assert.deepEqual([older.image?.wanted, older.image?.digest !== ""], [false, true], "its digest is asked for now");
  const { images } = await client.call("ListImages", { source: "rapids" });
  assert.deepEqual(
    images.map(({ tag }) => tag),
    ["26.10-cuda13", "26.10-cuda12", "26.08-cuda12"],
  );
  const { status } = await client.call("GetPrepullStatus", {});
  assert.deepEqual(
    status.sources.map(({ name, source, ok }) => [name, source, ok]),
    [
      ["registry", "scipy", true],
      ["registry", "rapids", true],
      ["kubernetes", "", true],
    ],
  );
  for (const request of [{ set: "none" }])
    await assert.rejects(client.call("GetMenu", request), /none of the configured/);
  await assert.rejects(client.call("ListImages", { source: "none" }), /none of the configured/);
});

test("a source that fails keeps its images, stale with its reason, and the others go on", async () => {
  await using peers = await startPeers();
  await using rapids = await startPeers();
  pushAll(peers);
  pushAll(rapids);
  putNode(peers, "cpu", false);
  putNode(peers, "gpu", true);
  const host = rapids.place.slice(0, rapids.place.indexOf("/"));
  await using service = await startReadyService(configOf(peers, host));
  const { client } = service;
  rapids.registryProxy.setFault({ kind: "refuse", applyToOpen: true });
  rapids.registry.push(RAPIDS, "26.12-cuda13", { content: "26.12-cuda13" });
  peers.registry.push(SCIPY, "2026-11-30", { content: "2026-11-30" });
  await client.call("Refresh", {});
  const { state } = await client.call("GetMenu", {});
  assert.equal(state.stale, true);
  assert.match(state.staleReason, /^rapids: /);
  assert.deepEqual((await menuOf(service, "gpu")).images, ["rapids:26.10-cuda13 0/1", "rapids:26.10-cuda12 0/1"]);
  assert.deepEqual((await missingTags(service))["cpu"], ["latest", "2026-11-30"]);
  rapids.registryProxy.setFault(null);
  // It is asked again soon, by itself.
  const isFresh = async () => assert.equal((await client.call("GetMenu", {})).state.stale, false);
  await eventually(isFresh, { withinMs: 20_000 });
  assert.deepEqual((await menuOf(service, "gpu")).images, ["rapids:26.12-cuda13 0/1"]);
});

test("a source that fails while the other does not shows in the log, as an alert and in the metrics until it is back", async () => {
  await using peers = await startPeers();
  await using rapids = await startPeers();
  pushAll(peers);
  pushAll(rapids);
  putNode(peers, "cpu", false);
  await using service = await startReadyService(configOf(peers, rapids.place.slice(0, rapids.place.indexOf("/"))));
  const { client, log, http } = service;
  const logged = (pattern: RegExp) =>
    log.flatMap(({ level, msg, source, alert }) =>
      level !== "debug" && pattern.test(msg) ? [`${level} ${String(source ?? alert)}`] : [],
    );
  const up = async () => {
    const page = await scrape(http);
    return ["registry:scipy", "registry:rapids", "kubernetes"].map((source) =>
      sampleSum(page, "labimages_source_up", { source }),
    );
  };
  assert.deepEqual(await up(), [1, 1, 1]);
  rapids.registry.behaviour.intercept = (_request, response) => {
    response.writeHead(403).end();
    return true;
  };
  for (let time = 0; time < 3; time += 1) await client.call("Refresh", {});
  await eventually(async () => assert.equal(sampleSum(await scrape(http), "labimages_active_alerts"), 1));
  assert.deepEqual(await up(), [1, 0, 1]);
  assert.deepEqual(logged(/^registry:rapids failed: .*; serving its last images, retrying$/), ["warn registry:rapids"]);
  assert.deepEqual(logged(/^registry:rapids failing: /), ["error source:registry:rapids"]);
  rapids.registry.behaviour.intercept = null;
  await client.call("Refresh", {});
  await eventually(() => assert.deepEqual(logged(/^alert resolved$/), ["info source:registry:rapids"]));
  assert.deepEqual(logged(/^registry:rapids ok again$/), ["info registry:rapids"]);
  assert.deepEqual(await up(), [1, 1, 1]);
  assert.deepEqual(logged(/^refresh failed|scipy/), []);
});
