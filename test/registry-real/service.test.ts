/**
 * The whole service, as a process, on Debian's docker-registry and on a simulated cluster, asked through `buf curl` and
 * through a plain grpc-js client: both have to hear the same.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type SimulatedKubernetes, startKubernetesApi } from "../../src/simulation/kubernetes/kubernetes-api.ts";
import { type BothClients, bothClients } from "../support/both-clients.ts";
import { bufCurlStream } from "../support/buf-curl.ts";
import { type DockerRegistry, startDockerRegistry } from "../support/docker-registry.ts";
import { eventually } from "../support/eventually.ts";
import { connectClient, type ImageServiceClient } from "../support/grpc-client.ts";
import type { WaitForRefresh } from "../support/grpc-messages.ts";
import { type ServiceProcess, startServiceProcess } from "../support/service-process.ts";

const world = new AsyncDisposableStack();
const digests = new Map<string, string>();
let registry: DockerRegistry;
let cluster: SimulatedKubernetes;
let service: ServiceProcess;
let client: ImageServiceClient;
let both: BothClients;

before(async () => {
  registry = world.adopt(await startDockerRegistry(), (it) => it.close());
  cluster = world.adopt(await startKubernetesApi(), (it) => it.close());
  await push("r29_0_0", "w_2077_41", "w_2077_42", "w_2077_43", "d_2077_10_23", "w_2077_43-arm64", "sketch");
  await pushAs("w_2077_42", "recommended");
  await pushAs("w_2077_43", "latest_weekly");
  setNode("alder", ["r29_0_0", "w_2077_42", "w_2077_43", "d_2077_10_23"]);
  setNode("beech", ["r29_0_0", "w_2077_42"]);
  service = world.use(await startServiceProcess(await configuration()));
  client = world.adopt(connectClient(service.grpc), (it) => it.close());
  both = bothClients(service.grpc, client);
  await eventually(async () => assert.equal(await client.health(), "SERVING"), { withinMs: 15_000 });
});

after(() => world.disposeAsync());

async function configuration() {
  const folder = await mkdtemp(join(tmpdir(), "lab-images-service-"));
  world.defer(() => rm(folder, { recursive: true, force: true }));
  const kubeconfig = join(folder, "kubeconfig");
  await writeFile(kubeconfig, cluster.kubeconfig);
  return {
    images: {
      source: { type: "docker", registry: registry.host, repository: registry.repository },
      refreshInterval: "1h",
      numDailies: 1,
      pin: ["latest_weekly"],
      aliasTags: ["latest_weekly"],
    },
    kubernetes: { kubeconfig },
    prepuller: { enabled: false },
  };
}

/** Pushes each of the tags as an image of its own. */
async function push(...tags: readonly string[]): Promise<void> {
  for (const tag of tags) digests.set(tag, await registry.push(tag));
}

/** Pushes the image of one tag under others, so that they share its digest. */
async function pushAs(original: string, ...tags: readonly string[]): Promise<void> {
  for (const tag of tags) digests.set(tag, await registry.push(tag, { content: original }));
}

function reference(tag: string): string {
  return `${registry.host}/${registry.repository}:${tag}`;
}

function pullReference(tag: string): string {
  return `${reference(tag)}@${digests.get(tag)}`;
}

function setNode(name: string, tags: readonly string[]): void {
  const images = tags.map((tag) => ({ names: [pullReference(tag)], sizeBytes: 4_000_000_000 }));
  cluster.putNode({ metadata: { name, labels: { "kubernetes.io/arch": "amd64" } }, spec: {}, status: { images } });
}

const UNKNOWN = { code: "NOT_FOUND", reason: "UNKNOWN_IMAGE" };

async function refresh() {
  return (await client.call("Refresh", {})).state;
}

describe("look-ups", () => {
  const classes = { RECOMMENDED: "recommended", LATEST_RELEASE: "r29_0_0", LATEST_WEEKLY: "w_2077_43" };
  for (const [name, tag] of Object.entries({ ...classes, LATEST_DAILY: "d_2077_10_23" })) {
    test(`by class: ${name} is ${tag}`, () =>
      both.ask("ResolveImage", { imageClass: `IMAGE_CLASS_${name}` }, ({ image }) => {
        assert.equal(image?.pullReference, pullReference(tag));
      }));
  }

  test("by tag: one of the prepull set, one outside it, one of an architecture", async () => {
    for (const tag of ["w_2077_42", "w_2077_41", "sketch", "w_2077_43-arm64"]) {
      await both.ask("ResolveImage", { tag }, ({ image }) => assert.equal(image?.pullReference, pullReference(tag)));
    }
  });

  test("by tag: what an alias stands for, and where it is", () =>
    both.ask("ResolveImage", { tag: "recommended" }, ({ image }) => {
      assert.equal(image?.displayName, "Recommended (Weekly 2077_42)");
      assert.equal(image?.aliasTarget, "w_2077_42");
      assert.equal(image?.imageType, "IMAGE_TYPE_ALIAS");
      assert.deepEqual(image?.nodes, ["alder", "beech"]);
    }));

  test("by reference: tag, digest, and a digest that the registry does not know", async () => {
    const digest = digests.get("recommended");
    await both.ask("ResolveImage", { reference: reference("sketch") }, ({ image }) =>
      assert.equal(image?.digest, digests.get("sketch")),
    );
    await both.ask("ResolveImage", { reference: `${reference("sketch")}@${digest}` }, ({ image }) =>
      assert.equal(image?.tag, "w_2077_42"),
    );
    const other = `sha256:${"ab".repeat(32)}`;
    await both.ask("ResolveImage", { reference: `${reference("w_2077_42")}@${other}` }, ({ image }) => {
      assert.equal(image?.pullReference, `${reference("w_2077_42")}@${other}`);
      assert.equal(image?.prepulled ?? false, false);
    });
  });

  test("of what is not there, or is no reference", async () => {
    await both.refuse("ResolveImage", { tag: "w_1999_01" }, UNKNOWN);
    await both.refuse("ResolveImage", { reference: "quay.io/lab/sketchbook:recommended" }, UNKNOWN);
    const invalid = { code: "INVALID_ARGUMENT", reason: "INVALID_REFERENCE" };
    await both.refuse("ResolveImage", { reference: "sketchbook" }, invalid);
    await both.refuse("ResolveImage", {}, { ...invalid, reason: "INVALID_ARGUMENT" });
  });
});

describe("lists", () => {
  test("the images, without those of an architecture, in display order", () =>
    both.ask("ListImages", {}, ({ images = [], recommended }) => {
      const weeklies = ["w_2077_43", "w_2077_42", "w_2077_41"];
      const expected = ["recommended", "latest_weekly", "r29_0_0", ...weeklies, "d_2077_10_23", "sketch"];
      assert.deepEqual(
        images.map(({ tag }) => tag),
        expected,
      );
      assert.equal(recommended?.tag, "recommended");
    }));

  test("the menu", () =>
    both.ask("GetMenu", {}, ({ menu = [], dropdown = [] }) => {
      assert.deepEqual(
        menu.map(({ reference, name, tag, source, prepulled }) => ({ reference, name, tag, source, prepulled })),
        [["recommended", "Recommended (Weekly 2077_42)"] as const, ["r29_0_0", "Release r29.0.0"] as const].map(
          ([tag, name]) => ({ reference: pullReference(tag), name, tag, source: "default", prepulled: true }),
        ),
      );
      assert.equal(dropdown.length, 8);
    }));

  test("the missing images, of all nodes and of one", async () => {
    const expected = [["beech", ["w_2077_43", "d_2077_10_23"]]];
    for (const request of [{}, { node: "beech" }]) {
      await both.ask("ListMissingImages", request, ({ nodes = [] }) => {
        assert.deepEqual(
          nodes.map(({ node, images = [] }) => [node, images.map(({ tag }) => tag)]),
          expected,
        );
      });
    }
    await both.ask("ListMissingImages", { node: "alder" }, ({ nodes = [] }) => assert.deepEqual(nodes, []));
  });

  test("the status", () =>
    both.ask("GetPrepullStatus", {}, ({ status }) => {
      assert.deepEqual(
        status?.sources?.map(({ name, ok }) => [name, ok]),
        [
          ["registry", true],
          ["kubernetes", true],
        ],
      );
      assert.deepEqual(
        status?.pending?.map(({ image, missing }) => [image?.tag, missing]),
        [
          ["w_2077_43", ["beech"]],
          ["d_2077_10_23", ["beech"]],
        ],
      );
    }));
});

describe("WaitForRefresh", () => {
  const causeOf = (message: object) => (message as Partial<WaitForRefresh>).cause;

  test("fresh: a new gate remembers; then it waits for the next refresh", async () => {
    await using stream = bufCurlStream(service.grpc, "WaitForRefresh", { gate: "fresh" });
    assert.equal(causeOf(await stream.next()), "REFRESH_CAUSE_STARTUP");
    await refresh();
    assert.equal(causeOf(await stream.next()), "REFRESH_CAUSE_REQUESTED");
  });

  test("resumed: at once where the gate has opened since, else with the next refresh", async () => {
    const before = await refresh();
    const { epoch, generation } = await refresh();
    await using late = bufCurlStream(service.grpc, "WaitForRefresh", {
      gate: "late",
      epoch,
      afterGeneration: before.generation,
    });
    assert.equal(causeOf(await late.next()), "REFRESH_CAUSE_REQUESTED");
    const current = client.waitForRefresh({ gate: "current", epoch, afterGeneration: generation });
    await current.opened;
    assert.equal(current.waiting, 0);
    const next = await refresh();
    assert.equal((await current.next()).state.generation, next.generation);
    current.cancel();
  });

  test("of another epoch: at once", async () => {
    const request = { gate: "epoch", epoch: "another process", afterGeneration: 1_000_000 };
    await using stream = bufCurlStream(service.grpc, "WaitForRefresh", request);
    assert.equal(causeOf(await stream.next()), "REFRESH_CAUSE_REQUESTED");
  });

  test("a second caller is refused; the same holder takes over", async () => {
    const gate = "held";
    await using first = bufCurlStream(service.grpc, "WaitForRefresh", { gate, holder: "prepuller" });
    await first.next();
    await using second = bufCurlStream(service.grpc, "WaitForRefresh", { gate });
    const { code, reason } = await second.ended;
    assert.deepEqual([code, reason], ["resource_exhausted", "GATE_BUSY"]);
    const busy = await client.waitForRefresh({ gate, holder: "other" }).ended;
    assert.deepEqual([busy.code, busy.reason, busy.retrySeconds], ["RESOURCE_EXHAUSTED", "GATE_BUSY", 5]);
    const successor = client.waitForRefresh({ gate, holder: "prepuller" });
    await successor.opened;
    const end = await first.ended;
    assert.deepEqual([end.code, end.reason], ["aborted", "GATE_TAKEN_OVER"]);
    await refresh();
    assert.equal(causeOf(await successor.next()), "REFRESH_CAUSE_REQUESTED");
    successor.cancel();
  });

  test("marks do not open it", async () => {
    const stream = client.waitForRefresh({ gate: "marks" });
    await stream.next();
    const mark = { reference: pullReference("w_2077_43"), node: "beech" };
    assert.equal((await client.call("MarkPrepulled", mark)).applied, true);
    const { generation } = await refresh();
    const { state, coalesced } = await stream.next();
    assert.deepEqual([state.generation, coalesced], [generation, 0]);
    stream.cancel();
  });
});

describe("marks", () => {
  test("show at once for the image and its aliases, and stay over a refresh", async () => {
    const mark = { reference: pullReference("w_2077_43"), node: "beech" };
    await both.ask("MarkPrepulled", mark, ({ applied }) => assert.equal(applied, true));
    await refresh();
    await both.ask("ResolveImage", { tag: "latest_weekly" }, ({ image }) => {
      assert.equal(image?.prepulled, true);
      assert.deepEqual(image?.nodes, ["alder", "beech"]);
    });
    await both.ask("ListMissingImages", {}, ({ nodes = [] }) => {
      assert.deepEqual(
        nodes.flatMap(({ images = [] }) => images.map(({ tag }) => tag)),
        ["d_2077_10_23"],
      );
    });
  });

  test("of what is not in the prepull set are ignored", async () => {
    const mark = { reference: pullReference("sketch"), node: "beech" };
    await both.ask("MarkPrepulled", mark, ({ applied = false }) => assert.equal(applied, false));
  });
});

describe("a registry that changes", () => {
  test("a tag that moves: its menu entry is another image after a refresh", async () => {
    await pushAs("w_2077_43", "recommended");
    await both.ask("Refresh", {}, ({ state }) => assert.equal(state?.stale ?? false, false));
    await both.ask("ResolveImage", { imageClass: "IMAGE_CLASS_RECOMMENDED" }, ({ image }) => {
      assert.equal(image?.pullReference, pullReference("w_2077_43").replace("w_2077_43@", "recommended@"));
      assert.equal(image?.aliasTarget, "w_2077_43");
    });
    await both.ask("GetMenu", {}, ({ menu }) => assert.equal(menu?.[0]?.name, "Recommended (Weekly 2077_43)"));
  });

  test("a tag outside the prepull set that moves is another image at once", async () => {
    digests.set("sketch", await registry.push("sketch", { content: "another sketch" }));
    await both.ask("ResolveImage", { tag: "sketch" }, ({ image }) =>
      assert.equal(image?.digest, digests.get("sketch")),
    );
  });

  test("an image that is deleted is gone with all its tags", async () => {
    await registry.delete("d_2077_10_23");
    await refresh();
    await both.refuse("ResolveImage", { tag: "d_2077_10_23" }, UNKNOWN);
    await both.refuse("ResolveImage", { imageClass: "IMAGE_CLASS_LATEST_DAILY" }, UNKNOWN);
  });

  test("it goes away: the last answers stay, stale with the reason; it comes back: all heals by itself", async () => {
    await registry.stop();
    await both.refuse("Refresh", {}, { code: "UNAVAILABLE", reason: "REGISTRY_UNAVAILABLE" });
    await both.ask("GetMenu", {}, ({ menu = [], state }) => {
      assert.equal(state?.stale, true);
      assert.ok(state?.staleReason?.includes(registry.host));
      assert.equal(menu[0]?.name, "Recommended (Weekly 2077_43)");
    });
    await both.refuse("ResolveImage", { tag: "sketch" }, { code: "UNAVAILABLE", reason: "REGISTRY_UNAVAILABLE" });
    setNode("cedar", []);
    await eventually(async () => {
      const { nodes } = await client.call("ListMissingImages", { node: "cedar" });
      assert.equal(nodes.length, 1, "the nodes are followed meanwhile");
    });
    await registry.start();
    await eventually(async () => assert.equal((await client.call("ListImages", {})).state.stale, false), {
      withinMs: 60_000,
    });
    // What is pushed now may come after the retry that has just succeeded, and the next one is an hour away.
    await push("w_2077_44");
    await client.call("Refresh", {});
    assert.equal((await client.call("ListImages", {})).latestWeekly?.tag, "w_2077_44");
    await both.ask("GetPrepullStatus", {}, ({ status }) => assert.ok(status?.sources?.every(({ ok }) => ok)));
  });
});
