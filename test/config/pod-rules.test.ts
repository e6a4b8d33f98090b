import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "../../src/config/load.ts";
import { DEFAULT_POD_OPTIONS } from "../../src/domain/prepull/pod-options.ts";
import { IMAGES, problemsIn } from "./problems-in.ts";

/** `prepuller.pod` with these keys. */
const POD = (keys: string) => `${IMAGES}prepuller: {pod: {${keys}}}`;
const TOLERATION = (keys: string) => `${IMAGES}tolerations: [{${keys}}]`;

for (const [keys, expected] of [
  ["", "tolerations[0].operator: must be Exists where there is no key, which matches every taint"],
  ["effect: NoSchedule", "tolerations[0].operator: must be Exists where there is no key"],
  ["operator: Equal, value: a", "tolerations[0].operator: must be Exists where there is no key"],
  ["key: a, operator: Exists, value: b", "tolerations[0].value: must be empty where the operator is Exists"],
  ["key: 'a b', operator: Exists", "tolerations[0].key: expected a name such as labs"],
  ["key: a/b/c, operator: Exists", "tolerations[0].key: expected a name such as labs"],
  ["key: a, value: 'x y'", "tolerations[0].value: expected the value of a taint"],
  [`key: a, value: ${"v".repeat(64)}`, "tolerations[0].value: expected the value of a taint"],
  ["key: a, operator: Lt, value: '1'", "tolerations[0].operator: expected Exists or Equal"],
  ["key: a, operator: Exists, effect: Never", "tolerations[0].effect: expected NoSchedule"],
  ["key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 1.5", "tolerations[0].tolerationSeconds: expected"],
] as const) {
  test(`F22: a toleration that no pod may have is refused: {${keys.slice(0, 50)}}`, () => {
    assert.ok(problemsIn(TOLERATION(keys)).startsWith(expected), problemsIn(TOLERATION(keys)));
  });
}

for (const keys of [
  "operator: Exists",
  "operator: Exists, effect: NoExecute",
  "key: example.org/labs, operator: Exists, effect: NoSchedule",
  "key: a",
  "key: a, operator: '', value: b, effect: ''",
  "key: '', operator: Exists, value: ''",
  "key: a, value: '', effect: NoExecute, tolerationSeconds: 0",
  "key: a, effect: NoSchedule, tolerationSeconds: 300",
]) {
  test(`F22: a toleration that pods may have is accepted: {${keys}}`, () => {
    assert.equal(parseConfig(TOLERATION(keys)).tolerations.length, 1);
  });
}

for (const [keys, expected] of [
  ["resources: {requests: {cpu: lots}}", "prepuller.pod.resources.requests.cpu: expected a quantity such as 100m"],
  ["resources: {requests: {cpu: -1}}", "prepuller.pod.resources.requests.cpu: expected a quantity"],
  ["resources: {limits: {memory: 1KiB}}", "prepuller.pod.resources.limits.memory: expected a quantity"],
  ["resources: {limits: {disk: 1Gi}}", "prepuller.pod.resources.limits.disk: expected cpu, memory"],
  [
    "resources: {requests: {cpu: 2}, limits: {cpu: 1900m}}",
    "prepuller.pod.resources.requests.cpu: must not be more than",
  ],
  [
    "resources: {requests: {example.org/gpu: 1}}",
    'prepuller.pod.resources.requests."example.org/gpu": must have a limit',
  ],
  ["resources: {limits: {example.org/gpu: 500m}}", 'prepuller.pod.resources.limits."example.org/gpu": must be a whole'],
  [
    "resources: {requests: {hugepages-2Mi: 2Mi}, limits: {hugepages-2Mi: 2Mi}}",
    "prepuller.pod.resources.requests: must have cpu or memory where there are huge pages",
  ],
  ["securityContext: {runAsUser: -1}", "prepuller.pod.securityContext.runAsUser: expected a whole number from 0"],
  ["securityContext: {runAsUser: 4294967296}", "prepuller.pod.securityContext.runAsUser: expected a whole number"],
  ["securityContext: {runAsNonRoot: true, runAsUser: 0}", "prepuller.pod.securityContext.runAsUser: must not be 0"],
  [
    "securityContext: {allowPrivilegeEscalation: false, privileged: true}",
    "prepuller.pod.securityContext.privileged: must",
  ],
  [
    "securityContext: {allowPrivilegeEscalation: false, capabilities: {add: [CAP_SYS_ADMIN]}}",
    "prepuller.pod.securityContext.capabilities.add: must not have CAP_SYS_ADMIN",
  ],
  [
    "securityContext: {seccompProfile: {type: Localhost}}",
    "prepuller.pod.securityContext.seccompProfile.localhostProfile: must be set for Localhost",
  ],
  [
    "securityContext: {seccompProfile: {type: RuntimeDefault, localhostProfile: a}}",
    "prepuller.pod.securityContext.seccompProfile.localhostProfile: must not be set",
  ],
  [
    "securityContext: {seccompProfile: {type: Localhost, localhostProfile: a/../b}}",
    "prepuller.pod.securityContext.seccompProfile.localhostProfile: must not contain",
  ],
  ["securityContext: {fsGroup: 1}", "prepuller.pod.securityContext.fsGroup: expected one of"],
  ["priorityClassName: Low_Priority", "prepuller.pod.priorityClassName: expected a DNS name"],
  ["runtimeClassName: -a", "prepuller.pod.runtimeClassName: expected a DNS name"],
  ["dnsPolicy: None", "prepuller.pod.dnsPolicy: expected Default, ClusterFirst, or ClusterFirstWithHostNet"],
  ["labels: {team: 'a b'}", "prepuller.pod.labels.team: expected the value of a label"],
  ["labels: {lab-images/prepuller: x}", 'prepuller.pod.labels."lab-images/prepuller": is set by the service itself'],
  [
    "labels: {app.kubernetes.io/name: x}",
    'prepuller.pod.labels."app.kubernetes.io/name": is set by the service itself',
  ],
  ["annotations: {'a b': x}", 'prepuller.pod.annotations."a b": expected a name such as team'],
  [
    "annotations: {lab-images/digest: x}",
    'prepuller.pod.annotations."lab-images/digest": is set by the service itself',
  ],
] as const) {
  test(`F21, F22: a field that no pod may have is refused: ${keys.slice(0, 70)}`, () => {
    assert.ok(problemsIn(POD(keys)).startsWith(expected), problemsIn(POD(keys)));
  });
}

for (const [request, limit, isWithin] of [
  ["700m", "0.7", true],
  ["0.7", "700m", true],
  ["1100m", "1.1", true],
  ["7e-1", "700000u", true],
  [".5Gi", "512Mi", true],
  ["1E", "1000P", true],
  ["9007199254740993", "9007199254740992", false],
  ["701m", "0.7", false],
] as const) {
  test(`F22: quantities are compared exactly: ${request} with a limit of ${limit}`, () => {
    const keys = `resources: {requests: {cpu: "${request}"}, limits: {cpu: "${limit}"}}`;
    if (isWithin) assert.equal(parseConfig(POD(keys)).prepuller.pod.resources.requests["cpu"], request);
    else assert.match(problemsIn(POD(keys)), /must not be more than the limit/);
  });
}

test("F21: without keys the pod is the restricted one, and a security context without value is none", () => {
  assert.deepEqual(parseConfig(IMAGES).prepuller.pod, DEFAULT_POD_OPTIONS);
  assert.equal(parseConfig(POD("securityContext: ")).prepuller.pod.securityContext, null);
  assert.equal(parseConfig(POD("securityContext: null")).prepuller.pod.securityContext, null);
});

test("F21: what is set is put as it is, numbers as quantities, and absent fields stay absent", () => {
  const keys = [
    "resources: {requests: {cpu: 0.5, memory: 1e6, example.org/gpu: 1}, limits: {example.org/gpu: 1}}",
    "securityContext: {runAsNonRoot: true, capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}",
    "priorityClassName: low, runtimeClassName: gvisor, dnsPolicy: ClusterFirst",
    "labels: {team: science}, annotations: {Example.org/Owner: 'any text, ünïcode'}",
  ];
  assert.deepEqual(parseConfig(POD(keys.join(", "))).prepuller.pod, {
    resources: {
      requests: { cpu: "0.5", memory: "1000000", "example.org/gpu": "1" },
      limits: { "example.org/gpu": "1" },
    },
    securityContext: {
      runAsNonRoot: true,
      capabilities: { add: [], drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
    priorityClassName: "low",
    runtimeClassName: "gvisor",
    dnsPolicy: "ClusterFirst",
    labels: { team: "science" },
    annotations: { "Example.org/Owner": "any text, ünïcode" },
  });
  assert.deepEqual(parseConfig(POD("resources: {}")).prepuller.pod.resources, { requests: {}, limits: {} });
});
