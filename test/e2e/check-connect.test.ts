import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { stringify } from "yaml";
import { checkConnections } from "../../src/app/check/connect-check.ts";
import { parseConfig } from "../../src/config/load.ts";
import { servedConfig } from "../../src/config/served-config.ts";
import type { AccessRule } from "../../src/simulation/kubernetes/kubernetes-access.ts";
import { type SimulatedKubernetes, startKubernetesApi } from "../../src/simulation/kubernetes/kubernetes-api.ts";
import { ApiFailure } from "../../src/simulation/kubernetes/kubernetes-status.ts";
import { type SimulatedRegistry, startOciRegistry } from "../../src/simulation/registry/oci-registry.ts";
import type { RegistryAuth } from "../../src/simulation/registry/oci-registry-auth.ts";
import { createSystemClock } from "../../src/telemetry/system-clock.ts";
import { fastClock } from "./support/clocks.ts";

const REPOSITORY = "lab/sketchbook";
const TOKEN = "canary-token";
const NAMESPACE = "default";
const EVERYTHING: readonly AccessRule[] = [{ verbs: ["*"], resources: ["*"] }];
const READER: readonly AccessRule[] = [{ verbs: ["list", "watch"], resources: ["nodes"] }];

interface Scene extends AsyncDisposable {
  readonly registry: SimulatedRegistry;
  readonly cluster: SimulatedKubernetes;
  /** Checks a configuration for the two, with changes; returns the exit status and the lines. */
  check(changes?: object): Promise<{ readonly status: number; readonly lines: readonly string[] }>;
}

async function startScene(rules = EVERYTHING, auth: RegistryAuth = { kind: "none" }): Promise<Scene> {
  await using started = new AsyncDisposableStack();
  const registry = started.adopt(await startOciRegistry({ auth }), (it) => it.close());
  const access = new Map([[TOKEN, { user: "system:serviceaccount:lab:lab-images", rules }]]);
  const cluster = started.adopt(await startKubernetesApi({ access }), (it) => it.close());
  const folder = started.adopt(await mkdtemp(join(tmpdir(), "lab-images-connect-")), (it) =>
    rm(it, { recursive: true }),
  );
  const kubeconfig = join(folder, "kubeconfig");
  await writeFile(kubeconfig, cluster.kubeconfig);
  registry.push(REPOSITORY, "w_2077_43", { content: "w" });
  registry.push(REPOSITORY, "recommended", { content: "w" });
  cluster.putNode({ metadata: { name: "alder", labels: { pool: "labs" } }, spec: {}, status: { images: [] } });
  const owned = started.move();
  return {
    registry,
    cluster,
    check: (changes = {}) =>
      checked({
        images: { source: { type: "docker", registry: registry.host, repository: REPOSITORY } },
        kubernetes: { kubeconfig },
        prepuller: { enabled: true, namespace: NAMESPACE },
        ...changes,
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function checked(content: object, clock = createSystemClock(), environment = {}) {
  const lines: string[] = [];
  const deps = { environment, clock, random: Math.random, write: (line: string) => void lines.push(line) };
  const status = await checkConnections(
    servedConfig(parseConfig(stringify(content))),
    deps,
    new AbortController().signal,
  );
  for (const line of lines) assert.match(line, /^ {2}(?:ok {5}|missing) {2}[\w.[\]]+: [^\n]+\n$/);
  assert.doesNotMatch(lines.join(""), /canary/);
  return { status, lines: lines.map((line) => line.trim().replace(/ {2,}/, " ")) };
}

function missingIn(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => line.startsWith("missing ")).map((line) => line.replace("missing ", ""));
}

describe("check-config --connect", { concurrency: true }, () => {
  test("a configuration that works: one line for each answer, exit status 0", async () => {
    await using scene = await startScene();
    const { status, lines } = await scene.check();
    assert.equal(status, 0);
    const place = `${scene.registry.host}/${REPOSITORY}`;
    const pods = ["create", "get", "list", "watch", "delete"].map(
      (verb) => `prepuller: our account may ${verb} pods in namespace default`,
    );
    assert.deepEqual(lines.slice(0, 1), [`ok images.source: ${place} lists 2 tags`]);
    assert.match(lines[1] ?? "", /^ok images\.source: recommended is sha256:[0-9a-f]{64}$/);
    assert.deepEqual(lines.slice(2), [
      "ok kubernetes: the API server lists 1 node",
      "ok kubernetes: our account may list nodes",
      "ok kubernetes: our account may watch nodes",
      ...pods.map((line) => `ok ${line}`),
      "ok prepuller: our account may list events in namespace default",
      "ok prepuller: our account may create leases in namespace default",
      "ok prepuller: our account may get leases lab-images-prepuller in namespace default",
      "ok prepuller: our account may update leases lab-images-prepuller in namespace default",
      "ok prepuller.pod: the API server would take a prepull pod in namespace default",
    ]);
    assert.deepEqual(scene.cluster.list("pods"), []);
  });

  test("each permission that is not granted is named, exit status 3; without the prepuller the reader's do", async () => {
    await using scene = await startScene(READER);
    const { status, lines } = await scene.check();
    assert.equal(status, 3);
    assert.deepEqual(missingIn(lines), [
      ...["create", "get", "list", "watch", "delete"].map(
        (verb) => `prepuller: our account may not ${verb} pods in namespace default`,
      ),
      "prepuller: our account may not list events in namespace default: the reasons of failed pulls are shorter without it",
      "prepuller: our account may not create leases in namespace default",
      "prepuller: our account may not get leases lab-images-prepuller in namespace default",
      "prepuller: our account may not update leases lab-images-prepuller in namespace default",
      `prepuller.pod: the Kubernetes API does not allow our account to create a prepull pod (dry run) (403 Forbidden): pods is forbidden: User "system:serviceaccount:lab:lab-images" cannot create resource "pods" in API group "" in the namespace "default"`,
    ]);
    assert.equal((await scene.check({ prepuller: { enabled: false } })).status, 0);
  });

  test("an account that may not list nodes", async () => {
    await using scene = await startScene([]);
    const { status, lines } = await scene.check({ prepuller: { enabled: false } });
    assert.equal(status, 3);
    const expected = ["kubernetes: our account may not list nodes", "kubernetes: our account may not watch nodes"];
    assert.deepEqual(missingIn(lines), expected);
  });

  test("a pod that admission refuses is refused in its words", async () => {
    await using scene = await startScene();
    scene.cluster.admit((plural, object) => {
      if (plural !== "pods") return object;
      throw new ApiFailure(403, "Forbidden", "violates PodSecurity: token=canary-secret is not allowed");
    });
    const { status, lines } = await scene.check();
    assert.equal(status, 3);
    assert.deepEqual(missingIn(lines), [
      "prepuller.pod: the Kubernetes API does not allow our account to create a prepull pod (dry run) (403 Forbidden): violates PodSecurity: token=[redacted] is not allowed",
    ]);
  });

  test("a dry run has the digest that the registry gave, else says that it has a placeholder", async () => {
    await using scene = await startScene();
    const tried: string[] = [];
    scene.cluster.admit((plural, object) => {
      if (plural === "pods") tried.push(JSON.stringify(object).match(/@(sha256:[0-9a-f]{64})/)?.[1] ?? "");
      return object;
    });
    const { lines } = await scene.check();
    assert.equal(lines[1], `ok images.source: recommended is ${tried[0]}`);
    scene.registry.behaviour.intercept = (request, response) => {
      if (!request.url?.includes("/manifests/")) return false;
      response.writeHead(403).end();
      return true;
    };
    const placeholder = await scene.check();
    assert.match(tried[1] ?? "", /^sha256:0{64}$/);
    const words = "(tried with a placeholder digest: none was had from the registry)";
    const taken = `the API server would take a prepull pod in namespace default ${words}`;
    assert.equal(placeholder.lines.at(-1), `ok prepuller.pod: ${taken}`);
    scene.cluster.admit((plural, object) => {
      if (plural !== "pods") return object;
      throw new ApiFailure(403, "Forbidden", "no such image");
    });
    assert.ok(
      missingIn((await scene.check()).lines)
        .at(-1)
        ?.endsWith(`no such image ${words}`),
    );
  });

  test("tags and nodes that the configuration asks for and nobody has", async () => {
    await using scene = await startScene();
    const source = { type: "docker", registry: scene.registry.host, repository: REPOSITORY };
    const images = { source, recommendedTag: "best", pin: ["w_2077_43", "r1_0_0"] };
    const { status, lines } = await scene.check({ images, nodeSelector: { pool: "other" } });
    assert.equal(status, 3);
    const place = `${scene.registry.host}/${REPOSITORY}`;
    assert.deepEqual(missingIn(lines), [
      `images.recommendedTag: ${place} has no tag best`,
      `images.pin[1]: ${place} has no tag r1_0_0`,
      "nodeSelector: no node has pool=other",
    ]);
  });

  test("a registry that wants credentials, and files that are not there", async () => {
    await using scene = await startScene(EVERYTHING, { kind: "basic", username: "canary-user", password: "canary" });
    const first = await scene.check();
    assert.equal(first.status, 3);
    assert.match(
      missingIn(first.lines)[0] ?? "",
      /^images\.source: .* wants a name and a password, and none are configured/,
    );
    const second = await scene.check({ http: { hookSecretFile: "/nonexistent/secret" } });
    assert.equal(
      missingIn(second.lines)[0],
      "http.hookSecretFile: the file /nonexistent/secret cannot be read (ENOENT)",
    );
  });

  test("a list that names a tag whose manifest cannot be had", async () => {
    await using scene = await startScene();
    scene.registry.behaviour.intercept = (request, response) => {
      if (!request.url?.includes("/manifests/")) return false;
      response.writeHead(403).end();
      return true;
    };
    const { lines } = await scene.check();
    assert.match(missingIn(lines)[0] ?? "", /^images\.source: the manifest of recommended: .*403/);
  });

  test("KUBECONFIG may be a list, of which the first file that exists counts, and is named where none does", async () => {
    await using scene = await startScene();
    const folder = await mkdtemp(join(tmpdir(), "lab-images-connect-"));
    const [first, second] = [join(folder, "first"), join(folder, "second")];
    await writeFile(first, scene.cluster.kubeconfig);
    await writeFile(second, "{}");
    const images = { source: { type: "docker", registry: scene.registry.host, repository: REPOSITORY } };
    const withList = (...paths: readonly string[]) =>
      checked({ images }, createSystemClock(), { KUBECONFIG: paths.join(delimiter) });
    const found = await withList("", join(folder, "none"), first, second);
    const absent = await withList(join(folder, "none"), join(folder, "neither"));
    await rm(folder, { recursive: true });
    assert.equal(found.status, 0);
    assert.equal(missingIn(absent.lines)[0], `KUBECONFIG: the file ${join(folder, "none")} cannot be read (ENOENT)`);
  });

  test("KUBECONFIG names the cluster where the configuration does not", async () => {
    await using scene = await startScene();
    const folder = await mkdtemp(join(tmpdir(), "lab-images-connect-"));
    const kubeconfig = join(folder, "kubeconfig");
    await writeFile(kubeconfig, scene.cluster.kubeconfig);
    const images = { source: { type: "docker", registry: scene.registry.host, repository: REPOSITORY } };
    const found = await checked({ images }, createSystemClock(), { KUBECONFIG: kubeconfig });
    await rm(folder, { recursive: true });
    assert.equal(found.status, 0);
    const nowhere = await checked({ images, prepuller: { enabled: true } });
    assert.equal(nowhere.status, 3);
    assert.match(
      missingIn(nowhere.lines).join(),
      /kubernetes: cannot list nodes: the credentials for Kubernetes cannot be read/,
    );
  });

  describe("peers that never answer", () => {
    const silent = createServer(() => undefined);
    let port = 0;
    before(async () => {
      silent.listen(0, "127.0.0.1");
      await once(silent, "listening");
      const address = silent.address();
      port = typeof address === "object" && address !== null ? address.port : 0;
    });
    after(() => silent.close());

    test("are given up within half a minute", async () => {
      const clock = fastClock(50);
      const folder = await mkdtemp(join(tmpdir(), "lab-images-connect-"));
      const kubeconfig = join(folder, "kubeconfig");
      const cluster = { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true };
      const clusters = [{ name: "c", cluster }];
      const contexts = [{ name: "c", context: { cluster: "c" } }];
      await writeFile(kubeconfig, stringify({ clusters, contexts, "current-context": "c" }));
      const images = { source: { type: "docker", registry: `127.0.0.1:${port}`, repository: REPOSITORY } };
      const startedAt = clock.monotonicTime();
      const { status, lines } = await checked({ images, kubernetes: { kubeconfig } }, clock);
      await rm(folder, { recursive: true });
      assert.equal(status, 3);
      assert.equal(missingIn(lines).length, 2);
      assert.match(lines[0] ?? "", /^missing images\.source: .*(?:no answer|timed out|within)/);
      assert.match(lines[1] ?? "", /^missing kubernetes: .*the Kubernetes API timed out after 8 s/);
      assert.ok(clock.monotonicTime() - startedAt < 60_000 + 50 * 5_000);
    });
  });
});
