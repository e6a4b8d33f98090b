import { startOciRegistry } from "../../src/simulation/registry/oci-registry.ts";
import { registryContract } from "../registry-real/registry.contract.ts";
import { startNotificationListener } from "../support/notification-listener.ts";

registryContract("simulated", async () => {
  const listener = await startNotificationListener();
  const registry = await startOciRegistry({ hook: { url: listener.url } });
  const repository = "lab/sketchbook";
  return {
    url: registry.url,
    repository,
    async push(tag, content) {
      const digest = registry.push(repository, tag, { content, kind: "docker-manifest" });
      await registry.notificationsSettled();
      return digest;
    },
    onNotification: (next) => listener.onNotification(next),
    async [Symbol.asyncDispose]() {
      await registry.close();
      await listener[Symbol.asyncDispose]();
    },
  };
});
