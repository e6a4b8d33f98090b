import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { request } from "undici";
import type { Credentials } from "../../src/kubernetes/client/credentials.ts";
import { createDispatcherPool } from "../../src/kubernetes/client/dispatcher-pool.ts";
import { startKubernetesApi } from "../../src/simulation/kubernetes/kubernetes-api.ts";

function credentials(server: string, proxyUrl: string | null = null): Credentials {
  return { server, proxyUrl, tls: {}, headers: {}, namespace: null, fingerprint: `${server} ${proxyUrl}` };
}

describe("dispatcher pool", () => {
  it("gives the same dispatcher as long as nothing changes, and another one then", async () => {
    const pool = createDispatcherPool(1_000);
    const first = pool.dispatcherFor(credentials("http://a"));
    assert.equal(pool.dispatcherFor(credentials("http://a")), first);
    assert.notEqual(pool.dispatcherFor(credentials("http://b")), first);
    await pool.destroy();
  });

  it("keeps what works where the next material is of no use", async () => {
    const api = await startKubernetesApi();
    const pool = createDispatcherPool(1_000);
    try {
      const good = credentials(api.url);
      pool.dispatcherFor(good);
      assert.throws(() => pool.dispatcherFor(credentials(api.url, "http://")));
      const answer = await request(`${api.url}/version`, { dispatcher: pool.dispatcherFor(good) });
      assert.equal(answer.statusCode, 200);
      await answer.body.dump();
    } finally {
      await pool.destroy();
      await api.close();
    }
  });
});
