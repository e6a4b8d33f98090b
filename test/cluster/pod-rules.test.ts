import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { V1Pod, V1SecurityContext } from "@kubernetes/client-node";
import { parse } from "yaml";
import { ConfigError } from "../../src/config/config-error.ts";
import { parseConfig } from "../../src/config/load.ts";
import { DEFAULT_POD_OPTIONS } from "../../src/domain/prepull/pod-options.ts";
import { buildPrepullPod } from "../../src/kubernetes/pods/prepull-pod.ts";
import { digest } from "../kubernetes/node-fixture.ts";
import { reference } from "../kubernetes/prepull-fixture.ts";
import { ApiStatusError, PATCH } from "./api-client.ts";
import { findControlPlaneBinaries } from "./binaries.ts";
import { DEPLOYED, PODS, type PrepullerCluster, startPrepullerCluster } from "./prepuller-cluster.ts";

const lookup = await findControlPlaneBinaries();
const skip = lookup.available ? false : `did not run: ${lookup.reason}`;

const ORDER = { node: "node-a", nodeUid: "uid-a", digest: digest(1), reference: reference(1), podDeadline: 60_000 };
const BASE = { namespace: DEPLOYED, instance: "rules", pullSecret: null, tolerations: [], pod: DEFAULT_POD_OPTIONS };

const TOLERATIONS = [
  "operator: Exists",
  "operator: Exists, effect: NoExecute, tolerationSeconds: 5",
  "key: example.org/labs, operator: Exists, effect: NoSchedule",
  "key: a, value: b",
  "key: a, operator: '', value: b, effect: ''",
  "key: '', operator: Exists, value: ''",
  "key: a, value: ''",
  "",
  "effect: NoSchedule",
  "operator: Equal, value: a",
  "operator: Equal",
  "key: a, operator: Exists, value: b",
  "key: 'a b', operator: Exists",
  "key: a/b/c, operator: Exists",
  "key: A.example.org/labs, operator: Exists",
  "key: -a, operator: Exists",
  "key: a, value: 'x y'",
  `key: a, value: ${"v".repeat(64)}`,
  `key: ${"k".repeat(64)}, operator: Exists`,
  "key: a, operator: Exists, effect: Never",
];

const PODS_WITH = [
  "resources: {requests: {cpu: 1}, limits: {cpu: 1}}",
  "resources: {requests: {cpu: 0.5, memory: 1e6}}",
  "resources: {requests: {cpu: .5}}",
  "resources: {requests: {cpu: 100u, memory: 1Ki, ephemeral-storage: 1Gi}}",
  "resources: {limits: {example.org/gpu: 1}}",
  "resources: {requests: {cpu: lots}}",
  "resources: {requests: {cpu: -1}}",
  "resources: {requests: {cpu: 1KiB}}",
  "resources: {requests: {cpu: 1 m}}",
  "resources: {limits: {disk: 1Gi}}",
  "resources: {requests: {cpu: 2}, limits: {cpu: 1900m}}",
  "resources: {requests: {cpu: 1900m}, limits: {cpu: 2}}",
  "resources: {requests: {example.org/gpu: 1}}",
  "resources: {requests: {example.org/gpu: 1}, limits: {example.org/gpu: 2}}",
  "resources: {limits: {example.org/gpu: 500m}}",
  "resources: {limits: {example.org/g/pu: 1}}",
  "resources: {requests: {hugepages-2Mi: 2Mi}, limits: {hugepages-2Mi: 2Mi}}",
  "resources: {requests: {hugepages-2Mi: 2Mi, cpu: 1m}, limits: {hugepages-2Mi: 2Mi}}",
  "securityContext: {runAsUser: -1}",
  "securityContext: {runAsUser: 2147483648}",
  "securityContext: {runAsGroup: 2147483648}",
  "securityContext: {allowPrivilegeEscalation: false, privileged: true}",
  "securityContext: {allowPrivilegeEscalation: false, capabilities: {add: [CAP_SYS_ADMIN]}}",
  "securityContext: {seccompProfile: {type: Localhost}}",
  "securityContext: {seccompProfile: {type: RuntimeDefault, localhostProfile: a}}",
  "securityContext: {seccompProfile: {type: Localhost, localhostProfile: a/../b}}",
  "securityContext: {seccompProfile: {type: Localhost, localhostProfile: /a}}",
  "securityContext: {seccompProfile: {type: Other}}",
  "securityContext: {appArmorProfile: {type: Localhost}}",
  "securityContext: {appArmorProfile: {type: Localhost, localhostProfile: ' a'}}",
  "dnsPolicy: ClusterFirst",
  "dnsPolicy: None",
  "dnsPolicy: Other",
  "priorityClassName: Low_Priority",
  "runtimeClassName: -a",
  "labels: {team: science, example.org/team: ''}",
  "labels: {team: 'a b'}",
  "labels: {a/b/c: d}",
  "annotations: {Example.org/Owner: any text}",
  "annotations: {'a b': x}",
];

/** The pod with these values as they are, right or wrong. */
function podWith(keys: string): V1Pod {
  const { metadata, spec } = buildPrepullPod(BASE, ORDER, null);
  const { labels, annotations, resources, securityContext, ...other } = parse(`{${keys}}`);
  const [container] = spec?.containers ?? [];
  assert.ok(spec !== undefined && container !== undefined);
  const context: V1SecurityContext = { ...container.securityContext, ...securityContext };
  return {
    metadata: {
      ...metadata,
      labels: { ...metadata?.labels, ...labels },
      annotations: { ...metadata?.annotations, ...annotations },
    },
    spec: {
      ...spec,
      containers: [{ ...container, resources: resources ?? container.resources, securityContext: context }],
      ...other,
    },
  };
}

function isAccepted(keys: string): boolean {
  try {
    parseConfig(`images: {source: {type: docker, registry: r.example.org, repository: a}}\n${keys}`);
    return true;
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return false;
  }
}

describe("F22: check-config and a real API server agree on what goes into a pod", { skip, timeout: 300_000 }, () => {
  let cluster: PrepullerCluster;
  before(async () => {
    cluster = await startPrepullerCluster();
    // Pod Security would refuse what the API itself accepts.
    const path = `/api/v1/namespaces/${DEPLOYED}`;
    const labels = { "pod-security.kubernetes.io/enforce": "privileged" };
    await cluster.plane.api.request("PATCH", path, { body: { metadata: { labels } }, contentType: PATCH.merge });
  });
  after(() => cluster[Symbol.asyncDispose]());

  async function isCreated(pod: V1Pod): Promise<boolean> {
    try {
      await cluster.plane.api.request("POST", `${PODS}?dryRun=All`, { body: pod });
      return true;
    } catch (error) {
      assert.ok(error instanceof ApiStatusError, String(error));
      assert.ok([400, 403, 422].includes(error.status), String(error));
      return false;
    }
  }

  it("F22: on tolerations", async () => {
    for (const keys of TOLERATIONS) {
      const { metadata, spec } = buildPrepullPod(BASE, ORDER, null);
      assert.ok(spec !== undefined);
      const tolerations = [parse(`{${keys}}`)];
      const expected = await isCreated({ metadata: metadata ?? {}, spec: { ...spec, tolerations } });
      assert.equal(isAccepted(`tolerations: [{${keys}}]`), expected, keys);
    }
  });

  it("F21, F22: on what prepuller.pod sets", async () => {
    for (const keys of PODS_WITH) {
      assert.equal(isAccepted(`prepuller: {pod: {${keys}}}`), await isCreated(podWith(keys)), keys);
    }
  });
});
