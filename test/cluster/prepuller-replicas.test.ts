import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { findControlPlaneBinaries } from "./binaries.ts";
import { startControlPlane } from "./control-plane.ts";
import { describePrepullerReplicas, everyMoment } from "./prepuller-replicas.contract.ts";

const DEPLOY = join(import.meta.dirname, "../../deploy");
const NAME = "replicas of the prepuller on a real API server";
const lookup = await findControlPlaneBinaries();

if (lookup.available) {
  describePrepullerReplicas(NAME, everyMoment, async () => {
    await using stack = new AsyncDisposableStack();
    const plane = await startControlPlane({ binaries: lookup.binaries });
    stack.defer(() => plane.stop());
    for (const file of (await readdir(DEPLOY)).filter((name) => name.endsWith(".yaml")).sort())
      await plane.apply(join(DEPLOY, file));
    const held = stack.move();
    return {
      api: plane.api,
      kubelets: { url: plane.url, token: plane.adminToken, ca: plane.caPem },
      kubeconfig: await plane.kubeconfigForServiceAccount("lab-images", "lab-images"),
      namespace: "lab-images",
      [Symbol.asyncDispose]: () => held.disposeAsync(),
    };
  });
} else {
  describe(NAME, () => {
    it("runs", { skip: `did not run: ${lookup.reason}` });
  });
}
