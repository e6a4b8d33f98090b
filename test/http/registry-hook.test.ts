import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { createRegistryHook } from "../../src/http/registry-hook.ts";
import { startOciRegistry } from "../../src/simulation/registry/oci-registry.ts";
import { createSystemClock } from "../../src/telemetry/system-clock.ts";

const REPOSITORY = "lab/sketchbook";
const SECRET = "canary: a secret";

async function startHook(context: TestContext, secret: () => string | Promise<string> = () => SECRET) {
  let notified = 0;
  const handle = createRegistryHook({
    onLimit: () => undefined,
    secret,
    repositories: new Set([REPOSITORY]),
    notify: () => {
      notified += 1;
    },
    clock: createSystemClock(),
  });
  const server = createServer((request, response) => {
    Promise.resolve(handle(request, response)).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/hooks/registry`;
  const post = async (headers: Record<string, string>, body = "") => {
    const answer = await fetch(url, { method: "POST", headers, body });
    assert.equal((await answer.text()).includes(SECRET), false);
    return answer.status;
  };
  return { url, port, post, notified: () => notified };
}

const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString("base64")}` });
const signed = (body: string, secret = SECRET) => ({
  "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
});
const authorized = { "x-labimages-secret": SECRET };

describe("registry hook: who may notify", () => {
  it("admits every way in which a registry can send the secret", async (context) => {
    const { post, notified } = await startHook(context);
    for (const headers of [authorized, basic(`anybody:${SECRET}`), basic(`:${SECRET}`), signed("{}")]) {
      assert.equal(await post(headers, "{}"), 202, JSON.stringify(headers));
    }
    assert.equal(notified(), 4);
    const bearer = await startHook(context, async () => "plain-secret");
    assert.equal(await bearer.post({ authorization: "bearer plain-secret" }), 202);
    assert.equal(await bearer.post({ authorization: "Bearer  plain-secret" }), 202);
  });

  it("refuses all others, without a call", async (context) => {
    const { post, notified } = await startHook(context);
    const refused: Record<string, string>[] = [
      {},
      { authorization: SECRET },
      { authorization: "Bearer wrong" },
      { authorization: `Digest ${SECRET}` },
      { "x-labimages-secret": "" },
      { "x-labimages-secret": `${SECRET}x` },
      basic(`${SECRET}:`),
      basic("wrong:wrong"),
      signed("other body"),
      signed("{}", "other secret"),
      { "x-hub-signature-256": "sha256=" },
    ];
    for (const headers of refused) assert.equal(await post(headers, "{}"), 401, JSON.stringify(headers));
    assert.equal(notified(), 0);
  });

  it("admits nobody with an empty secret, and follows one that is rotated", async (context) => {
    let secret = "";
    const { post } = await startHook(context, () => secret);
    for (const headers of [{ "x-labimages-secret": "" }, basic(":"), { authorization: "Bearer " }, signed("", "")]) {
      assert.equal(await post(headers), 401);
    }
    secret = "new";
    assert.equal(await post({ "x-labimages-secret": "new" }), 202);
  });
});

describe("registry hook: size", () => {
  it("refuses a body over the cap, with its length or without", async (context) => {
    const { post, port, notified } = await startHook(context);
    assert.equal(await post(authorized, "x".repeat(1_048_576)), 202);
    assert.equal(await post(authorized, "x".repeat(1_048_577)), 413);
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write("POST /hooks/registry HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n");
    socket.write(`X-LabImages-Secret: ${SECRET}\r\n\r\n`);
    const answered = once(socket, "data") as Promise<[Buffer]>;
    socket.write(`180000\r\n${"x".repeat(0x180000)}\r\n`);
    const [first] = await answered;
    assert.match(first.toString(), /^HTTP\/1\.1 413 /);
    socket.destroy();
    assert.equal(notified(), 1);
  });
});

describe("registry hook: what it receives", () => {
  const event = (action: string, target: object) => ({
    id: "1",
    action,
    target: { repository: REPOSITORY, ...target },
  });
  const manifest = "application/vnd.docker.distribution.manifest.v2+json";

  it("counts manifests pushed to, and deletions from, our repository", async (context) => {
    const { post, notified } = await startHook(context);
    const counted = [
      [event("push", { tag: "w_2077_43", mediaType: manifest })],
      [event("push", { mediaType: "application/vnd.oci.image.index.v1+json" })],
      [event("delete", { digest: "sha256:1" })],
      [event("pull", {}), event("push", { tag: "w" })],
    ];
    for (const events of counted) assert.equal(await post(authorized, JSON.stringify({ events })), 202);
    assert.equal(notified(), counted.length);
  });

  it("does not count layers, pulls, and other repositories", async (context) => {
    const { post, notified } = await startHook(context);
    const ignored = [
      [],
      [event("push", { mediaType: "application/octet-stream" })],
      [event("pull", { tag: "w", mediaType: manifest })],
      [event("mount", { mediaType: "application/octet-stream" })],
      [event("push", { repository: "lab/other", tag: "w" })],
      [event("delete", { repository: "lab/sketchbook/nested" })],
      [event("push", {}), event("push", { repository: undefined, tag: "w" })],
    ];
    for (const events of ignored) assert.equal(await post(authorized, JSON.stringify({ events })), 202);
    assert.equal(notified(), 0);
  });

  it("takes any other body for a hint", async (context) => {
    const { post, notified } = await startHook(context);
    const hints = [
      "",
      "no JSON",
      "null",
      "[]",
      '{"type":"PUSH_ARTIFACT"}',
      '{"events":"x"}',
      '{"events":[7]}',
      '{"events":[{"action":"push"}]}',
    ];
    for (const body of hints) assert.equal(await post(authorized, body), 202);
    assert.equal(notified(), hints.length);
  });

  it("understands what the simulated registry sends", async (context) => {
    const { url, notified } = await startHook(context);
    const registry = await startOciRegistry({ hook: { url, headers: authorized } });
    context.after(() => registry.close());
    registry.push(REPOSITORY, "w_2077_43");
    registry.push("lab/other", "w_2077_43");
    await registry.notificationsSettled();
    assert.equal(registry.failedNotifications, 0);
    assert.equal(notified(), 1);
  });
});
