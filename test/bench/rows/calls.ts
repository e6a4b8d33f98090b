import type { MethodDefinition } from "@grpc/grpc-js";
import { SERVED_DEFINITION } from "../../../src/grpc/server/contract.ts";
import type { LoadHandlers } from "../processes/load.ts";
import type { PeerHandlers } from "../processes/peers.ts";
import { type Remote, startRemote } from "../processes/remote.ts";
import { type Scene, startScene } from "../scene.ts";
import type { Measurement, Row } from "../table.ts";
import { compareThroughput } from "../throughput.ts";

const SERVICE = "labimages.v1.ImageService";
/** The lists of docs/performance.md have 500 images. */
const SIZE = { tags: 500, nodes: 20, imagesPerNode: 30 };
const LOAD = { connections: 8, streams: 16, warmUp: 500, milliseconds: 1_500 };

/** One method under load: what is asked, and what it is compared with. */
interface Call {
  readonly row: number;
  readonly method: string;
  readonly request: object;
  readonly against: string;
  readonly goal: number;
}

const ENCODED = "grpc-js sending the same bytes, encoded beforehand";

/** Row 1. */
export const measureCalls: Measurement = () =>
  measureAll([
    {
      row: 1,
      method: "ResolveImage",
      request: { tag: "recommended" },
      against: "bare grpc-js echo of the same sizes",
      goal: 0.85,
    },
  ]);

/** Row 2. */
export const measureLists: Measurement = () =>
  measureAll([
    { row: 2, method: "ListImages", request: {}, against: ENCODED, goal: 0.9 },
    { row: 2, method: "GetMenu", request: {}, against: ENCODED, goal: 0.9 },
  ]);

async function measureAll(calls: readonly Call[]): Promise<readonly Row[]> {
  const peers = startRemote<PeerHandlers>(new URL("../processes/peers.ts", import.meta.url), ["--expose-gc"]);
  const load = startRemote<LoadHandlers>(new URL("../processes/load.ts", import.meta.url));
  await using scene = await startScene(SIZE);
  const rows: Row[] = [];
  for (const call of calls) rows.push(await measureCall(scene, peers, load, call));
  await Promise.all([peers.stop(), load.stop()]);
  return rows;
}

async function measureCall(
  scene: Scene,
  peers: Remote<PeerHandlers>,
  load: Remote<LoadHandlers>,
  { row, method, request, against, goal }: Call,
): Promise<Row> {
  const { path, requestSerialize } = methodOf(method);
  const message = requestSerialize(request);
  const answer = await rawAnswer(scene, path, message);
  const peerPort = await peers.call("grpc", { path, answer });
  const loadOn = (port: number) => () =>
    load.call("grpc", { ...LOAD, port, path, message, answerBytes: answer.length });
  return await compareThroughput(
    { number: row, what: `${method}, ${answer.length.toLocaleString("en-US")} bytes`, against, goal },
    { process: scene.service, load: loadOn(scene.grpcPort) },
    { process: peers, load: loadOn(peerPort) },
  );
}

/** The method as the contract has it. */
export function methodOf(name: string): MethodDefinition<object, object> {
  const method: unknown = Reflect.get(Object(SERVED_DEFINITION[SERVICE]), name);
  if (!isMethod(method)) throw new TypeError(`the contract has no method ${name}`);
  return method;
}

function isMethod(value: unknown): value is MethodDefinition<object, object> {
  return typeof value === "object" && value !== null && "requestSerialize" in value;
}

/** The answer's message as the service sends it. */
function rawAnswer({ client }: Scene, path: string, message: Buffer): Promise<Buffer> {
  const pass = (bytes: Buffer): Buffer => bytes;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, pass, pass, message, (error, answer) => {
      if (error !== null) reject(error);
      else resolve(answer ?? Buffer.alloc(0));
    });
  });
}
