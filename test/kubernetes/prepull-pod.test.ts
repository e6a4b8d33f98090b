import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DEFAULT_POD_OPTIONS, type PrepullPodOptions } from "../../src/domain/prepull/pod-options.ts";
import {
  buildPrepullPod,
  instanceLabel,
  type PrepullPodSettings,
  prepullPodName,
  prepullPodSelector,
} from "../../src/kubernetes/pods/prepull-pod.ts";
import { digest } from "./node-fixture.ts";
import { reference } from "./prepull-fixture.ts";

const settings: PrepullPodSettings = {
  namespace: "lab",
  instance: "lab-images-prepuller",
  pullSecret: null,
  tolerations: [],
  pod: DEFAULT_POD_OPTIONS,
};
const order = { node: "node-a", nodeUid: "uid-a", digest: digest(1), reference: reference(1), podDeadline: 90_500 };

describe("prepull pod: the name", () => {
  it("is a DNS label that follows from instance, node and digest alone", () => {
    const name = prepullPodName("lab", "uid-a", digest(1));
    assert.match(name, /^[a-z0-9-]{1,63}$/);
    assert.equal(name, prepullPodName("lab", "uid-a", digest(1)));
    const others = [
      prepullPodName("other", "uid-a", digest(1)),
      prepullPodName("lab", "uid-b", digest(1)),
      prepullPodName("lab", "uid-a", digest(2)),
    ];
    assert.equal(new Set([name, ...others]).size, 4);
  });

  it("follows from the instance's label as well", () => {
    const instance = "a".repeat(100);
    assert.equal(prepullPodName(instanceLabel(instance), "b", "c"), prepullPodName(instance, "b", "c"));
  });

  it("cannot be made equal by moving characters from one part to the other", () => {
    assert.notEqual(prepullPodName("lab", "a", "bc"), prepullPodName("lab", "ab", "c"));
  });
});

describe("prepull pod: the instance", () => {
  it("is the name itself where that fits into a label", () => {
    assert.equal(prepullPodSelector("lab"), "lab-images/prepuller in (lab)");
    assert.equal(prepullPodSelector("lab", "former"), "lab-images/prepuller in (lab,former)");
  });

  it("is cut, and still its own, where it does not", () => {
    const [one, other] = [instanceLabel(`${"a".repeat(100)}1`), instanceLabel(`${"a".repeat(100)}2`)];
    assert.match(one, /^[a-z0-9-]{1,63}$/);
    assert.notEqual(one, other);
  });
});

describe("prepull pod: the object", () => {
  it("is bound to its node, uses the image by tag and digest, and may do nothing", () => {
    const { metadata, spec } = buildPrepullPod(settings, order, null);
    assert.deepEqual(metadata, {
      name: prepullPodName(settings.instance, "uid-a", digest(1)),
      namespace: "lab",
      labels: {
        "app.kubernetes.io/managed-by": "lab-images",
        "app.kubernetes.io/component": "prepuller",
        "nublado.lsst.io/category": "prepuller",
        "sidecar.istio.io/inject": "false",
        "lab-images/prepuller": "lab-images-prepuller",
      },
      annotations: {
        "lab-images/node-uid": "uid-a",
        "lab-images/digest": digest(1),
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "true",
        "sidecar.istio.io/inject": "false",
      },
    });
    assert.deepEqual(spec, {
      nodeName: "node-a",
      restartPolicy: "Never",
      activeDeadlineSeconds: 91,
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      dnsPolicy: "Default",
      tolerations: [],
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65_534,
        runAsGroup: 65_534,
        seccompProfile: { type: "RuntimeDefault" },
      },
      containers: [
        {
          name: "prepull",
          image: reference(1),
          imagePullPolicy: "IfNotPresent",
          command: ["/bin/true"],
          workingDir: "/",
          resources: { requests: { cpu: "1m", memory: "32Mi" }, limits: { cpu: "100m", memory: "32Mi" } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
        },
      ],
    });
  });

  it("has the configured tolerations, as the API takes them, and secret, and the owner", () => {
    const owner = { apiVersion: "apps/v1", kind: "Deployment", name: "lab-images", uid: "u", controller: true };
    const tolerations = [
      { key: "lab", operator: "Exists", value: undefined, tolerationSeconds: 60, effect: "NoSchedule" },
      { key: "lab", operator: "Equal", value: "x", tolerationSeconds: 60, effect: "NoExecute" },
    ];
    const more = { ...settings, pullSecret: "registry", tolerations };
    const { metadata, spec } = buildPrepullPod(more, order, owner);
    assert.deepEqual(spec?.tolerations, [
      { key: "lab", operator: "Exists", effect: "NoSchedule" },
      { key: "lab", operator: "Equal", value: "x", effect: "NoExecute", tolerationSeconds: 60 },
    ]);
    assert.deepEqual(spec?.imagePullSecrets, [{ name: "registry" }]);
    assert.deepEqual(metadata?.ownerReferences, [owner]);
  });

  it("F21: has what prepuller.pod sets, beside what it is found by", () => {
    const pod: PrepullPodOptions = {
      resources: { requests: { cpu: "10m" }, limits: {} },
      securityContext: { runAsNonRoot: true, runAsUser: 1_000 },
      priorityClassName: "low",
      runtimeClassName: "gvisor",
      dnsPolicy: "ClusterFirst",
      labels: { team: "science", "sidecar.istio.io/inject": "true" },
      annotations: { "example.org/owner": "us" },
    };
    const { metadata, spec } = buildPrepullPod({ ...settings, pod }, order, null);
    const [container] = spec?.containers ?? [];
    assert.deepEqual(container?.resources, pod.resources);
    assert.deepEqual(container?.securityContext, { runAsNonRoot: true, runAsUser: 1_000 });
    assert.equal(spec?.securityContext, undefined);
    assert.deepEqual([spec?.priorityClassName, spec?.runtimeClassName], ["low", "gvisor"]);
    assert.equal(spec?.dnsPolicy, "ClusterFirst");
    assert.equal(metadata?.labels?.["team"], "science");
    assert.equal(metadata?.labels?.["sidecar.istio.io/inject"], "true");
    assert.equal(metadata?.labels?.["lab-images/prepuller"], "lab-images-prepuller");
    assert.equal(metadata?.annotations?.["example.org/owner"], "us");
    assert.equal(metadata?.annotations?.["lab-images/node-uid"], "uid-a");
  });

  it("F21: has no security context where the cluster's admission sets one", () => {
    const { spec } = buildPrepullPod({ ...settings, pod: { ...settings.pod, securityContext: null } }, order, null);
    assert.equal(spec?.securityContext, undefined);
    assert.equal(spec?.containers[0]?.securityContext, undefined);
  });

  it("has a deadline of a second at least", () => {
    assert.equal(buildPrepullPod(settings, { ...order, podDeadline: 0 }, null).spec?.activeDeadlineSeconds, 1);
  });
});
