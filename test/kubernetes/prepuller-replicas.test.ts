import { startKubernetesApi } from "../../src/simulation/kubernetes/kubernetes-api.ts";
import { createApiClient } from "../cluster/api-client.ts";
import { describePrepullerReplicas } from "../cluster/prepuller-replicas.contract.ts";
import { temporaryFile } from "./node-fixture.ts";
import { NAMESPACE } from "./prepull-fixture.ts";

// The other moments are tried on the real server.
describePrepullerReplicas(
  "replicas of the prepuller on the simulated API server",
  ["when its first pod is there"],
  async () => {
    const server = await startKubernetesApi();
    server.put("namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
    const file = await temporaryFile("kubeconfig", server.kubeconfig);
    const api = createApiClient(server.url, "", "any");
    return {
      api,
      kubelets: { url: server.url },
      kubeconfig: file.path,
      namespace: NAMESPACE,
      async [Symbol.asyncDispose]() {
        await api.close();
        await server.close();
        await file[Symbol.asyncDispose]();
      },
    };
  },
);
