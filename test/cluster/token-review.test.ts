import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createTokenReviewer } from "../../src/kubernetes/access/token-review.ts";
import { connectKubernetes } from "../../src/kubernetes/client/connection.ts";
import type { TokenReviewer } from "../../src/ports.ts";
import { createSystemClock } from "../../src/telemetry/system-clock.ts";
import { findControlPlaneBinaries } from "./binaries.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";

const DEPLOY = join(import.meta.dirname, "../../deploy");
const NAMESPACE = "lab-images";
const AUDIENCE = "lab-images";

const lookup = await findControlPlaneBinaries();
const skip = lookup.available ? false : `did not run: ${lookup.reason}`;

describe("G7: tokens are reviewed by a real API server, with the rights of deploy/callers", { skip }, () => {
  const acquired = new AsyncDisposableStack();
  const { signal } = new AbortController();
  let plane: ControlPlane;
  let reviewer: TokenReviewer;

  async function tokenFor(audiences: readonly string[], seconds = 3_600): Promise<string> {
    const path = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/caller/token`;
    const body = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { audiences, expirationSeconds: seconds },
    };
    const { status } = await plane.api.request<{ readonly status: { readonly token: string } }>("POST", path, { body });
    return status.token;
  }

  function reviewerAs(kubeconfig: string): TokenReviewer {
    const connection = connectKubernetes({ kubeconfig, clock: createSystemClock() });
    acquired.defer(() => connection.close());
    return createTokenReviewer(connection, AUDIENCE);
  }

  before(async () => {
    plane = acquired.adopt(await startControlPlane(), (it) => it.stop());
    for (const file of ["10-namespace.yaml", "callers/token-review-role.yaml"]) await plane.apply(join(DEPLOY, file));
    const accounts = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts`;
    for (const name of ["caller", "powerless"]) {
      await plane.api.request("POST", accounts, {
        body: { apiVersion: "v1", kind: "ServiceAccount", metadata: { name } },
      });
    }
    reviewer = reviewerAs(await plane.kubeconfigForServiceAccount(NAMESPACE, "lab-images"));
  });
  after(() => acquired.disposeAsync());

  it("a token for our audience names its account", async () => {
    const token = await tokenFor([AUDIENCE]);
    assert.equal(await reviewer.review(token, signal), "system:serviceaccount:lab-images:caller");
    const among = await tokenFor(["others", AUDIENCE]);
    assert.equal(await reviewer.review(among, signal), "system:serviceaccount:lab-images:caller");
  });

  it("a token for another audience, as every pod has one for the API server, names nobody", async () => {
    assert.equal(await reviewer.review(await tokenFor(["others"]), signal), null);
    assert.equal(await reviewer.review(await plane.serviceAccountToken(NAMESPACE, "caller"), signal), null);
  });

  it("a token that was tampered with, and one of an account that has gone, names nobody", async () => {
    const token = await tokenFor([AUDIENCE]);
    assert.equal(await reviewer.review(`${token.slice(0, -6)}AAAAAA`, signal), null);
    await plane.api.request("DELETE", `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/caller`);
    assert.equal(await reviewer.review(token, signal), null);
  });

  it("without the role, and without an API server, nobody is let in", async () => {
    const powerless = reviewerAs(await plane.kubeconfigForServiceAccount(NAMESPACE, "powerless"));
    await assert.rejects(powerless.review("a.b.c", signal), { reason: "KUBERNETES_DENIED" });
    await plane.stopApiServer();
    await assert.rejects(reviewer.review("a.b.c", signal), { reason: "KUBERNETES_UNAVAILABLE" });
  });
});
