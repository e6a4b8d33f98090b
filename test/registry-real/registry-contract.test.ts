import { startDockerRegistry } from "../support/docker-registry.ts";
import { startNotificationListener } from "../support/notification-listener.ts";
import { registryContract } from "./registry.contract.ts";

registryContract("docker-registry", async () => {
  const listener = await startNotificationListener();
  const registry = await startDockerRegistry({ notifications: { url: listener.url, authorization: "Bearer none" } });
  return {
    url: registry.url,
    repository: registry.repository,
    push: (tag, content) => registry.push(tag, { content }),
    onNotification: (next) => listener.onNotification(next),
    async [Symbol.asyncDispose]() {
      await registry.close();
      await listener[Symbol.asyncDispose]();
    },
  };
});
