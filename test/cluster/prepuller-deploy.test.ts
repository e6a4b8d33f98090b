import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import type { V1ConfigMap, V1Deployment, V1Role, V1ServiceAccount } from "@kubernetes/client-node";
import { parseConfig } from "../../src/config/load.ts";
import { DEFAULT_POD_OPTIONS } from "../../src/domain/prepull/pod-options.ts";
import { buildPrepullPod } from "../../src/kubernetes/pods/prepull-pod.ts";
import { digest } from "../kubernetes/node-fixture.ts";
import { reference } from "../kubernetes/prepull-fixture.ts";
import type { ApiClient } from "./api-client.ts";
import { findControlPlaneBinaries } from "./binaries.ts";
import { DEPLOYED, deployManifests, PODS, type PrepullerCluster, startPrepullerCluster } from "./prepuller-cluster.ts";

const lookup = await findControlPlaneBinaries();
const skip = lookup.available ? false : `did not run: ${lookup.reason}`;

/** What is asked about: each `group/resource[/subresource]`, with each verb, namespace (or all) and name (or any). */
const RESOURCES = [
  "/nodes",
  "/pods",
  "/pods/log",
  "/pods/exec",
  "/events",
  "/secrets",
  "/configmaps",
  "/serviceaccounts/token",
  "/namespaces",
  "coordination.k8s.io/leases",
  "apps/deployments",
  "apps/replicasets",
  "rbac.authorization.k8s.io/roles",
  "rbac.authorization.k8s.io/clusterroles",
  "authentication.k8s.io/tokenreviews",
];
const VERBS = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
const NAMESPACES = ["", DEPLOYED, "default"];
const NAMES = ["", "lab-images-prepuller", "lab-images", "another"];

const READER = ["/nodes list", "/nodes watch"].flatMap((right) =>
  NAMESPACES.flatMap((namespace) => everyName(right, namespace)),
);
const PREPULLER = [
  ...["get", "list", "watch", "create", "delete"].flatMap((verb) => everyName(`/pods ${verb}`, DEPLOYED)),
  ...everyName("/events list", DEPLOYED),
  ...everyName("coordination.k8s.io/leases create", DEPLOYED),
  `coordination.k8s.io/leases get ${DEPLOYED} lab-images-prepuller`,
  `coordination.k8s.io/leases update ${DEPLOYED} lab-images-prepuller`,
  `apps/deployments get ${DEPLOYED} lab-images`,
];

function everyName(right: string, namespace: string): string[] {
  return NAMES.map((name) => `${right} ${namespace} ${name}`);
}

/** Every right of the account among those that are asked about. */
async function rightsOf(api: ApiClient, account: string): Promise<ReadonlySet<string>> {
  const questions = RESOURCES.flatMap((resource) =>
    VERBS.flatMap((verb) => NAMESPACES.flatMap((namespace) => everyName(`${resource} ${verb}`, namespace))),
  );
  const allowed = new Set<string>();
  const waiting = [...questions];
  async function ask(): Promise<void> {
    for (let question = waiting.shift(); question !== undefined; question = waiting.shift()) {
      const [path = "", verb = "", namespace = "", name = ""] = question.split(" ");
      const [group = "", resource = "", subresource = ""] = path.split("/");
      const resourceAttributes = { group, resource, subresource, verb, namespace, name };
      const body = { spec: { user: account, groups: ["system:authenticated"], resourceAttributes } };
      const review = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
      const { status } = await api.request<{ status: { allowed: boolean } }>("POST", review, { body });
      if (status.allowed) allowed.add(question);
    }
  }
  await Promise.all(Array.from({ length: 8 }, ask));
  return allowed;
}

describe("deploy/ on a real API server", { skip }, () => {
  let cluster: PrepullerCluster;
  let client: ApiClient;
  const account = `system:serviceaccount:${DEPLOYED}:${DEPLOYED}`;

  before(async () => {
    cluster = await startPrepullerCluster();
    client = cluster.plane.clientFor(await cluster.plane.serviceAccountToken(DEPLOYED, DEPLOYED));
  });

  after(async () => {
    await client.close();
    await cluster[Symbol.asyncDispose]();
  });

  const get = <T>(path: string) => cluster.plane.api.request<T>("GET", path);

  it("grants reader and prepuller what they need and nothing else", async () => {
    assert.deepEqual(await rightsOf(cluster.plane.api, account), new Set([...READER, ...PREPULLER]));
  });

  it("grants the reader alone where the prepuller's role is left out", async () => {
    const roles = `/apis/rbac.authorization.k8s.io/v1/namespaces/${DEPLOYED}/rolebindings/lab-images-prepuller`;
    await cluster.plane.api.request("DELETE", roles);
    assert.deepEqual(await rightsOf(cluster.plane.api, account), new Set(READER));
    await client.request("GET", "/api/v1/nodes");
    await assert.rejects(client.request("GET", PODS), { status: 403 });
    for (const path of await deployManifests()) await cluster.plane.apply(path);
    await client.request("GET", PODS);
  });

  it("lets the account make the pod and read its lease, and no other", async () => {
    const settings = {
      namespace: DEPLOYED,
      instance: "x",
      pullSecret: null,
      tolerations: [],
      pod: DEFAULT_POD_OPTIONS,
    };
    const order = { node: "n", nodeUid: "u", digest: digest(1), reference: reference(1), podDeadline: 1_000 };
    const body = buildPrepullPod(settings, order, null);
    await client.request("POST", PODS, { body });
    await client.request("DELETE", `${PODS}/${body.metadata?.name}`, { body: { gracePeriodSeconds: 0 } });
    await assert.rejects(client.request("POST", "/api/v1/namespaces/default/pods", { body }), { status: 403 });
    const leases = `/apis/coordination.k8s.io/v1/namespaces/${DEPLOYED}/leases`;
    await assert.rejects(client.request("GET", `${leases}/lab-images-prepuller`), { status: 404 });
    await assert.rejects(client.request("GET", `${leases}/another`), { status: 403 });
    await assert.rejects(client.request("GET", leases), { status: 403 });
  });

  it("names the lease and the Deployment of the role as the configuration and the environment do", async () => {
    const map = await get<V1ConfigMap>(`/api/v1/namespaces/${DEPLOYED}/configmaps/${DEPLOYED}`);
    const config = parseConfig(map.data?.["config.yaml"] ?? "");
    const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${DEPLOYED}/roles/lab-images-prepuller`;
    const { rules = [] } = await get<V1Role>(path);
    const named = rules.flatMap(({ resourceNames = [] }) => resourceNames);
    assert.deepEqual(named, [config.prepuller.leaderElection.leaseName, DEPLOYED]);
    assert.equal(config.prepuller.enabled, false);
    assert.equal(config.http.allowAnonymousRead, false);
  });

  it("runs the service without rights on its own node", async () => {
    const path = `/apis/apps/v1/namespaces/${DEPLOYED}/deployments/${DEPLOYED}`;
    const { spec } = await get<V1Deployment>(path);
    const pod = spec?.template.spec;
    const [container] = pod?.containers ?? [];
    assert.equal(pod?.securityContext?.runAsNonRoot, true);
    assert.ok((pod?.securityContext?.runAsUser ?? 0) > 0);
    assert.deepEqual(container?.securityContext, {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      readOnlyRootFilesystem: true,
    });
    assert.ok((pod?.terminationGracePeriodSeconds ?? 0) > 10);
    const sa = await get<V1ServiceAccount>(`/api/v1/namespaces/${DEPLOYED}/serviceaccounts/${DEPLOYED}`);
    assert.equal(sa.automountServiceAccountToken, false);
    const template = { metadata: { name: "as-deployed", labels: {} }, spec: pod };
    await cluster.plane.api.request("POST", `${PODS}?dryRun=All`, { body: template });
  });

  it("builds an image that starts as the Deployment has it", async () => {
    const dockerfile = await readFile(new URL("../../Dockerfile", import.meta.url), "utf8");
    assert.match(dockerfile, /^USER 65532:65532$/m);
    assert.match(dockerfile, /^CMD \["serve", "--config", "\/etc\/lab-images\/config.yaml"\]$/m);
  });
});
