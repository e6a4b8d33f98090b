import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { callFrames, handmadePeer, streamId } from "../grpc/support/http2-frames.ts";
import { eventually } from "../support/eventually.ts";
import { sampleSum, scrape } from "../support/metrics-page.ts";
import { startPeers } from "./support/peers.ts";
import { openGate, startReadyService } from "./support/service.ts";

const SECRET = "hook-secret";
const GATES = 17;

test("F60: what a limit cuts or refuses is counted by its name, and logged with the peer", async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "lab-images-limits-"));
  context.after(() => rm(folder, { recursive: true }));
  const hookSecretFile = join(folder, "secret");
  await writeFile(hookSecretFile, SECRET);
  await using peers = await startPeers();
  peers.push("w_2077_43");
  peers.setNode("alder");
  await using service = await startReadyService(
    peers.config({
      grpc: { listen: "127.0.0.1:0", limits: { maxConnections: 3, maxStreams: 30, requestTimeout: "1s" } },
      http: { listen: "127.0.0.1:0", hookSecretFile },
    }),
  );
  const port = Number(service.grpc.split(":")[1]);
  const counted = async (protocol: string, limit: string) =>
    sampleSum(await scrape(service.http), "labimages_peer_limits_total", { protocol, limit });
  const untilCounted = (protocol: string, limit: string) =>
    eventually(async () => assert.ok((await counted(protocol, limit)) > 0, `${protocol} ${limit}`));

  // One connection is the test's own client's.
  const gates = await Promise.all(
    Array.from({ length: GATES }, (_, at) => openGate(service, { gate: `gate-${at}` }).catch(() => null)),
  );
  await untilCounted("grpc", "gates");
  for (const gate of gates) gate?.cancel();

  const half = await handmadePeer(context, port, { from: "127.0.0.2" });
  half.write(callFrames(streamId(0), "GetMenu", Buffer.alloc(10), { complete: false, declaredLength: 20 }));
  await untilCounted("grpc", "request_time");
  half.write(
    Buffer.concat(
      Array.from({ length: 40 }, (_, at) =>
        callFrames(streamId(at + 1), "GetMenu", Buffer.alloc(0), { complete: false }),
      ),
    ),
  );
  await untilCounted("grpc", "calls");
  for (let time = 0; time < 3; time += 1) await handmadePeer(context, port, { from: "127.0.0.2" });
  await untilCounted("grpc", "connections");

  const headers = { authorization: `Bearer ${SECRET}`, connection: "close" };
  const body = Buffer.alloc(1_048_577);
  await fetch(`http://${service.http}/hooks/registry`, { method: "POST", headers, body }).catch(() => undefined);
  await untilCounted("http", "body_bytes");
  const pipelining = connect(Number(service.http.split(":")[1]), "127.0.0.1");
  context.after(() => pipelining.destroy());
  pipelining.on("error", () => undefined);
  pipelining.write("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100));
  await untilCounted("http", "pipelined_requests");

  const logged = service.log.filter(({ msg }) => msg === "a limit has cut or refused peers");
  assert.deepEqual(
    logged.map(({ protocol, limit, count, peer }) => [protocol, limit, count, peer]),
    [
      ["grpc", "gates", 1, "127.0.0.1"],
      ["grpc", "request_time", 1, "127.0.0.2"],
      ["grpc", "calls", 1, "127.0.0.2"],
      ["grpc", "connections", 1, "127.0.0.2"],
      ["http", "body_bytes", 1, "127.0.0.1"],
      ["http", "pipelined_requests", 1, "127.0.0.1"],
    ],
  );
});
