import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { parseAllDocuments } from "yaml";
import { ApiStatusError } from "../cluster/api-client.ts";
import { DEPLOYED, deployManifests, PODS } from "../cluster/prepuller-cluster.ts";
import { eventually } from "../support/eventually.ts";
import { type RealCluster, startCluster } from "./cluster.ts";
import { openRepository, PATIENCE, type Repository, startService, weekly } from "./service.ts";

describe("a private registry, and the roles of deploy/", () => {
  let cluster: RealCluster;
  let repository: Repository;
  const scope = new AsyncDisposableStack();

  before(async () => {
    cluster = scope.use(await startCluster({ isPrivate: true }));
    repository = openRepository(cluster, "lab/sketchbook");
  });
  after(() => scope.disposeAsync());

  async function start(pullSecret: string | null) {
    return startService(cluster, repository, {
      images: { dockerCredentialsPath: cluster.dockerConfigPath },
      ...(pullSecret === null ? {} : { prepuller: { pullSecret } }),
    });
  }

  async function createSecret(name: string, password: string): Promise<void> {
    await cluster.kubectl(
      "--namespace",
      DEPLOYED,
      "create",
      "secret",
      "docker-registry",
      name,
      `--docker-server=${cluster.registry.host}`,
      `--docker-username=${cluster.account.username}`,
      `--docker-password=${password}`,
    );
  }

  it("refuses the nodes without a secret and with a wrong one, and lets them pull with the right one", async () => {
    const digest = await repository.push([weekly(0), "recommended"]);
    await createSecret("wrong", "canary:wrong");
    await createSecret("right", cluster.account.password);
    for (const secret of [null, "missing", "wrong"]) {
      await using service = await start(secret);
      const progress = await eventually(async () => {
        const found = await service.progress("alder", digest);
        assert.equal(found?.failureClass, "FAILURE_CLASS_REGISTRY_DENIED");
        return found;
      }, PATIENCE);
      if (secret === "missing") assert.match(progress?.message ?? "", /missing/);
      assert.doesNotMatch(JSON.stringify([progress, service.process.log]), /canary/);
    }
    await using service = await start("right");
    await service.untilComplete([digest]);
  });

  it("lets the service ask the API server for what deploy/ grants alone, and all of it is needed", async () => {
    const requests = await cluster.audit.requests();
    assert.deepEqual(
      requests.filter(({ status }) => status === 401 || status === 403),
      [],
    );
    const [asked, granted] = [new Set(requests.map(withNamespace)), await grantedRequests()];
    assert.deepEqual(asked.difference(granted), new Set());
    // A pod is read by itself only where it was there before, or is late.
    const unused = granted.difference(asked);
    assert.ok(unused.isSubsetOf(new Set([`get /pods in ${DEPLOYED}`])), `unused: ${[...unused].join(", ")}`);
  });

  it("refuses the service's account anything else", async () => {
    await using scope = new AsyncDisposableStack();
    const token = await cluster.plane.serviceAccountToken(DEPLOYED, DEPLOYED);
    const client = scope.adopt(cluster.plane.clientFor(token), (it) => it.close());
    for (const [method, path] of OTHER_REQUESTS) {
      await assert.rejects(
        client.request(method, path, method === "GET" ? {} : { body: {} }),
        (error) => error instanceof ApiStatusError && error.status === 403,
        `${method} ${path}`,
      );
    }
  });
});

/** What a prepuller might be thought to need, or an intruder. */
const OTHER_REQUESTS = [
  ["GET", "/api/v1/nodes/alder"],
  ["PATCH", "/api/v1/nodes/alder"],
  ["DELETE", "/api/v1/nodes/alder"],
  ["GET", "/api/v1/nodes/alder/proxy/configz"],
  ["GET", `/api/v1/namespaces/${DEPLOYED}/secrets`],
  ["GET", `/api/v1/namespaces/${DEPLOYED}/secrets/right`],
  ["POST", `${PODS}/any/eviction`],
  ["POST", "/api/v1/namespaces/default/pods"],
  ["GET", "/api/v1/namespaces/default/pods"],
  ["GET", "/api/v1/namespaces/default/events"],
  ["GET", `/apis/coordination.k8s.io/v1/namespaces/${DEPLOYED}/leases`],
  ["GET", `/apis/apps/v1/namespaces/${DEPLOYED}/deployments`],
  ["POST", `/api/v1/namespaces/${DEPLOYED}/serviceaccounts/${DEPLOYED}/token`],
] as const;

/** A rule of a role (rbac.authorization.k8s.io/v1). */
interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** Every request that the roles of `deploy/` grant, whatever the name. */
async function grantedRequests(): Promise<ReadonlySet<string>> {
  const texts = await Promise.all((await deployManifests()).map((path) => readFile(path, "utf8")));
  const objects = texts.flatMap((text) => parseAllDocuments(text).map((document) => document.toJS()));
  const granted = objects.flatMap(({ kind, metadata, rules = [] }) => {
    if (kind !== "ClusterRole" && kind !== "Role") return [];
    const { namespace = "" } = metadata;
    return rules.flatMap(({ apiGroups, resources, verbs }: Rule) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.map((verb) => withNamespace({ request: `${verb} ${group}/${resource}`, namespace })),
        ),
      ),
    );
  });
  return new Set(granted);
}

function withNamespace({ request, namespace }: { readonly request: string; readonly namespace: string }): string {
  return namespace === "" ? request : `${request} in ${namespace}`;
}
