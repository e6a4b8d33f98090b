import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { stringify } from "yaml";
import { checkConnections } from "../../src/app/check/connect-check.ts";
import { parseConfig } from "../../src/config/load.ts";
import { servedConfig } from "../../src/config/served-config.ts";
import { type SimulatedRegistry, startOciRegistry } from "../../src/simulation/registry/oci-registry.ts";
import { createSystemClock } from "../../src/telemetry/system-clock.ts";
import { findControlPlaneBinaries } from "./binaries.ts";
import { DEPLOYED, deployManifests, type PrepullerCluster, startPrepullerCluster } from "./prepuller-cluster.ts";

const lookup = await findControlPlaneBinaries();
const skip = lookup.available ? false : `did not run: ${lookup.reason}`;
const REPOSITORY = "lab/sketchbook";

describe("check-config --connect on a real API server, with the roles of deploy/", { skip }, () => {
  let cluster: PrepullerCluster;
  let registry: SimulatedRegistry;
  let kubeconfig = "";

  before(async () => {
    cluster = await startPrepullerCluster();
    registry = await startOciRegistry();
    registry.push(REPOSITORY, "recommended", { content: "w" });
    kubeconfig = await cluster.plane.kubeconfigForServiceAccount(DEPLOYED, DEPLOYED);
    await cluster.addNode("alder");
  });

  after(async () => {
    await registry.close();
    await cluster[Symbol.asyncDispose]();
  });

  /** As the deployed service would: with its account, its namespace and its Deployment. */
  async function check(prepuller: object = {}) {
    const lines: string[] = [];
    const config = servedConfig(
      parseConfig(
        stringify({
          images: { source: { type: "docker", registry: registry.host, repository: REPOSITORY } },
          kubernetes: { kubeconfig },
          prepuller: { enabled: true, ...prepuller },
        }),
      ),
    );
    const environment = { POD_NAMESPACE: DEPLOYED, DEPLOYMENT_NAME: DEPLOYED };
    const deps = {
      ...{ environment, clock: createSystemClock(), random: Math.random },
      write: (line: string) => void lines.push(line.trim()),
    };
    const status = await checkConnections(config, deps, new AbortController().signal);
    return { status, lines, missing: lines.filter((line) => line.startsWith("missing")) };
  }

  it("finds everything granted, and a prepull pod taken; nothing is left of it", async () => {
    const { status, missing, lines } = await check();
    assert.deepEqual(missing, []);
    assert.equal(status, 0);
    assert.ok(
      lines.includes(`ok       prepuller: our account may get deployments ${DEPLOYED} in namespace ${DEPLOYED}`),
    );
    assert.equal(await cluster.podCount(), 0);
  });

  it("says what the API server would refuse of a pod, in its words", async () => {
    const { status, missing } = await check({ pod: { securityContext: null } });
    assert.equal(status, 3);
    assert.equal(missing.length, 1);
    assert.match(missing[0] ?? "", /prepuller\.pod: .*403 Forbidden.*violates PodSecurity "restricted/);
  });

  it("names a namespace whose permissions are not granted", async () => {
    const { status, missing } = await check({ namespace: "default" });
    assert.equal(status, 3);
    assert.ok(missing.includes("missing  prepuller: our account may not create pods in namespace default"));
    assert.equal(missing.filter((line) => line.includes(" may not ")).length, 9);
  });

  it("names each permission of the prepuller's role where that is left out", async () => {
    const binding = `/apis/rbac.authorization.k8s.io/v1/namespaces/${DEPLOYED}/rolebindings/lab-images-prepuller`;
    await cluster.plane.api.request("DELETE", binding);
    const { status, missing } = await check();
    for (const path of await deployManifests()) await cluster.plane.apply(path);
    assert.equal(status, 3);
    assert.equal(missing.filter((line) => line.includes(" may not ")).length, 10);
  });
});
