import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { status } from "@grpc/grpc-js";
import { ListenError } from "../../src/grpc/server/connections.ts";
import { eventually } from "../support/eventually.ts";
import { ask, failure, receive } from "./support/calls.ts";
import { fakeState, snapshotOf } from "./support/fake-state.ts";
import { callStatus, framed, openCall, rawConnection } from "./support/raw-http2.ts";
import { startServer } from "./support/running-server.ts";

const ready = () => fakeState(snapshotOf(1, { images: [] }));

describe("where the server listens", () => {
  test("plaintext beyond loopback is refused, with the key that allows it", async (context) => {
    for (const host of ["0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1"]) {
      await assert.rejects(startServer(context, { listen: { host, port: 0 } }), (error: unknown) => {
        assert.ok(error instanceof ListenError);
        assert.match(error.message, /grpc\.insecure/);
        return true;
      });
    }
  });

  test("grpc.insecure allows it, and warns at every start", async (context) => {
    // Loopback in a form that only the resolver knows, so that no test opens a port to others.
    const { log, client } = await startServer(context, {
      listen: { host: "127.1", port: 0 },
      insecure: true,
      state: ready(),
    });
    assert.deepEqual(
      log.map(({ level }) => level),
      ["warn"],
    );
    assert.match(log[0]?.message ?? "", /grpc\.insecure/);
    await ask(client, client.GetMenu, {});
  });

  test("loopback needs no permission and no warning", async (context) => {
    const { log } = await startServer(context, { insecure: true });
    assert.deepEqual(log, []);
  });

  for (const host of ["LOCALHOST", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"]) {
    test(`F42: ${host} is loopback`, async (context) => {
      const { log } = await startServer(context, { listen: { host, port: 0 } });
      assert.deepEqual(log, []);
    });
  }

  test("a port that is taken is said to be", async (context) => {
    const { port } = await startServer(context);
    const listen = { host: "127.0.0.1", port };
    await assert.rejects(startServer(context, { listen }), /cannot listen on 127\.0\.0\.1:\d+: EADDRINUSE/);
  });
});

test("every finished call is reported, with its time", async (context) => {
  const { client, calls } = await startServer(context, { state: ready() });
  await ask(client, client.GetMenu, {});
  await failure(ask(client, client.ResolveImage, { tag: "nope" }));
  assert.deepEqual(
    calls.map(({ method, code }) => [method, code]),
    [
      ["labimages.v1.ImageService/GetMenu", "OK"],
      ["labimages.v1.ImageService/ResolveImage", "NOT_FOUND"],
    ],
  );
  assert.ok(calls.every(({ seconds }) => seconds >= 0 && seconds < 60));
});

describe("a server that stops (G4)", () => {
  test("says NOT_SERVING, ends streams with SHUTTING_DOWN and lets calls under way finish", async (context) => {
    const running = await startServer(context, { state: ready() });
    let finishRefresh: () => void = () => undefined;
    running.state.overrides.refresh = () =>
      new Promise((resolve) => {
        finishRefresh = resolve;
      });
    running.server.setServing(true);
    const health = receive(running.health.Watch({}));
    const gate = receive(running.client.WaitForRefresh({}));
    const refresh = ask(running.client, running.client.Refresh, {});
    await eventually(() => assert.equal(running.openStreams(), 2));
    await eventually(() => assert.equal(health.messages.length, 1));

    const stopped = running.server.shutdown(10_000);
    assert.equal(running.server.shutdown(0), stopped);
    for (const { ended } of [gate, health]) {
      const told = await ended;
      assert.deepEqual([told.code, told.reason], ["UNAVAILABLE", "SHUTTING_DOWN"]);
    }
    assert.deepEqual(
      health.messages.map((message) => message.status),
      ["SERVING", "NOT_SERVING"],
    );
    assert.equal(running.state.attached[0]?.closed, true);
    running.server.setServing(true);
    let over = false;
    stopped.then(() => {
      over = true;
    }, assert.fail);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(over, false);
    finishRefresh();
    assert.equal((await refresh).state?.generation, 1);
    await stopped;
  });

  test("takes no new connection", async (context) => {
    const { server, port } = await startServer(context);
    await server.shutdown(1_000);
    const refused = await new Promise<NodeJS.ErrnoException>((resolve) => {
      connect(port, "127.0.0.1").once("error", resolve);
    });
    assert.equal(refused.code, "ECONNREFUSED");
  });

  test("refuses what had begun to arrive, but says how it is", async (context) => {
    const running = await startServer(context, { state: ready() });
    const session = rawConnection(context, running.address);
    const calls = [
      "/labimages.v1.ImageService/GetMenu",
      "/labimages.v1.ImageService/WaitForRefresh",
      "/grpc.health.v1.Health/Check",
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ].map((path) => openCall(session, path));
    const [menu, gate, health, reflection] = calls.map(callStatus);
    // An answer on the same connection tells that the headers before it have arrived.
    const after = openCall(session, "/grpc.health.v1.Health/Check");
    after.end(framed(Buffer.alloc(0)));
    await callStatus(after);
    const stopped = running.server.shutdown(5_000);
    await eventually(() => assert.ok(session.closed || session.destroyed));
    for (const call of calls) call.end(framed(Buffer.alloc(0)));
    const unavailable = { code: String(status.UNAVAILABLE), text: "the server is shutting down" };
    assert.deepEqual(await menu, unavailable);
    assert.deepEqual(await gate, unavailable);
    assert.equal((await health)?.code, String(status.OK));
    assert.deepEqual(await reflection, unavailable);
    await stopped;
  });

  test("cuts what has not finished within the grace", async (context) => {
    const running = await startServer(context, { state: ready() });
    running.state.overrides.refresh = () => new Promise(() => undefined);
    const refresh = failure(ask(running.client, running.client.Refresh, {}));
    await eventually(() => ask(running.client, running.client.GetMenu, {}));
    await running.server.shutdown(50);
    assert.notEqual((await refresh).code, "OK");
  });
});
