import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { connectClient } from "../support/grpc-client.ts";
import { startServiceProcess } from "../support/service-process.ts";
import { startPeers } from "./support/peers.ts";

/** What no process of ours has a use for, with what it would cost resident. */
const UNUSED: Readonly<Record<string, RegExp>> = {
  "client-node's generated client, 84 MB": /client-node\/dist\/(?:index|config|gen\/index)\.js$/,
  "fetch, WebSocket and mocks of undici, 12 MB": /undici\/index\.js$/,
  "Node's own fetch, which an import of node:http loads, 3.5 MB": /internal\/deps\/undici/,
  "Google's client, where the registry is another one, 40 MB": /artifact-registry|google-gax/,
  "the formatter for people, in production, 2 MB": /pino-pretty/,
  "the simulation": /src\/simulation\//,
};

test("move 8: a process loads none of the modules that it does not use", async () => {
  await using peers = await startPeers();
  peers.push("w_2077_43");
  peers.setNode("alder");
  const preload = join(import.meta.dirname, "support/loaded-modules.ts");
  await using service = await startServiceProcess(peers.config(), { preload });
  const client = connectClient(service.grpc);
  await eventually(async () => assert.equal(await client.health(), "SERVING"));
  client.close();
  service.kill("SIGTERM");
  await service.exited;
  const loaded = service.log.at(-1)?.["loaded"];
  assert.ok(Array.isArray(loaded) && loaded.some((url) => String(url).endsWith("src/main.ts")));
  for (const [what, pattern] of Object.entries(UNUSED)) {
    assert.deepEqual(
      loaded.filter((url) => pattern.test(String(url))),
      [],
      what,
    );
  }
});
