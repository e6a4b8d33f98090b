import { startKubernetesApi } from "../../src/simulation/kubernetes/kubernetes-api.ts";
import { createApiClient } from "../cluster/api-client.ts";
import { describeKubernetesApi } from "../cluster/kubernetes-api.contract.ts";

describeKubernetesApi("simulated Kubernetes API: contract", async () => {
  const server = await startKubernetesApi();
  const api = createApiClient(server.url, "", "any");
  return {
    api,
    expireHistory: async () => server.expireHistory(),
    async [Symbol.asyncDispose]() {
      await api.close();
      await server.close();
    },
  };
});
