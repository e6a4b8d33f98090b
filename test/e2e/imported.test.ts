import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { importNublado, importNubladoText } from "../../src/config/nublado/import.ts";
import { parseYaml } from "../../src/config/yaml.ts";
import { type Peers, startPeers } from "./support/peers.ts";
import { missingTags, type Service, startReadyService } from "./support/service.ts";

const SITES = join(import.meta.dirname, "..", "config", "nublado");
const LAB = { metadata: { labels: { "example.org/lab": "true", node_pool: "user-lab-pool-amd" } } };
const CONTROL_PLANE = { metadata: { labels: { ...LAB.metadata.labels, "node-role.kubernetes.io/c": "true" } } };

/** Starts the service with an imported configuration, whose images and cluster are those of the test. */
async function serveImported(peers: Peers, text: string): Promise<Service> {
  const { images, ...rest } = parseYaml(text);
  const { source: _source, ...policy } = Object(images);
  return await startReadyService(peers.config({ ...rest, images: policy, http: { listen: "127.0.0.1:0" } }));
}

for (const [site, nodes] of [
  ["site-1", ["alder", "beech", "cedar"]],
  ["site-2", ["alder", "beech", "cedar"]],
  ["site-3", ["alder", "beech"]],
  ["site-4", ["alder"]],
] as const) {
  test(`the imported configuration of ${site} is served, on the nodes that its labels and its affinity choose`, async () => {
    await using peers = await startPeers();
    peers.push("w_2077_43_c0044.001");
    peers.push("recommended_c0044", "w_2077_43_c0044.001");
    peers.setNode("alder", [], LAB);
    peers.setNode("beech", [], CONTROL_PLANE);
    peers.setNode("cedar");
    await using service = await serveImported(peers, (await importNublado(join(SITES, `${site}.yaml`))).text);
    assert.deepEqual(Object.keys(await missingTags(service)), nodes);
    const { status } = await service.client.call("GetPrepullStatus", {});
    assert.deepEqual(
      status.nodes.map(({ name }) => name),
      nodes,
    );
  });
}

test("terms of affinity that are ORed are served as one set each: nodes of both get the same images", async () => {
  const pool = (value: string) => ({ matchExpressions: [{ key: "pool", operator: "In", values: [value] }] });
  const nodeSelectorTerms = [pool("x"), pool("y")];
  const nublado = {
    images: { source: { type: "docker", repository: "sciplat-lab" } },
    lab: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } },
  };
  await using peers = await startPeers();
  peers.push("w_2077_43");
  for (const value of ["x", "y", "z"]) peers.setNode(value, [], { metadata: { labels: { pool: value } } });
  await using service = await serveImported(peers, importNubladoText(stringify(nublado)).text);
  assert.deepEqual(await missingTags(service), { x: ["w_2077_43"], y: ["w_2077_43"] });
});

test("an image is on the menu once enough nodes have it", async () => {
  await using peers = await startPeers();
  for (const tag of ["recommended", "w_2077_43", "w_2077_42"]) peers.push(tag);
  for (const name of ["alder", "beech"]) peers.setNode(name, name === "alder" ? ["w_2077_43"] : []);
  for (const [prepulledOn, expected] of [
    ["all", ["Recommended"]],
    ["50%", ["Recommended", "Weekly 2077_43"]],
  ] as const) {
    await using service = await startReadyService(peers.config({ menu: { prepulledOn } }));
    const { menu } = await service.client.call("GetMenu", {});
    assert.deepEqual(
      menu.map(({ name }) => name),
      expected,
    );
  }
});
