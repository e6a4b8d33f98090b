import { describe, it } from "node:test";
import { findControlPlaneBinaries } from "./binaries.ts";
import { startControlPlane } from "./control-plane.ts";
import { describeKubernetesApi } from "./kubernetes-api.contract.ts";

const lookup = await findControlPlaneBinaries();

if (lookup.available) {
  describeKubernetesApi("real Kubernetes API: contract", async () => {
    const cluster = await startControlPlane({ binaries: lookup.binaries });
    return {
      api: cluster.api,
      async expireHistory() {
        await cluster.expireHistory();
        // The server remembers the latest events beyond what its store does; a new one begins without them.
        await cluster.restartApiServer("SIGKILL");
      },
      [Symbol.asyncDispose]: cluster.stop,
    };
  });
} else {
  describe("real Kubernetes API: contract", () => {
    it("runs", { skip: `did not run: ${lookup.reason}` });
  });
}
