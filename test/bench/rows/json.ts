import { inTurn, median, ratioOf } from "../measure.ts";
import type { LoadHandlers } from "../processes/load.ts";
import type { PeerHandlers } from "../processes/peers.ts";
import { startRemote } from "../processes/remote.ts";
import { startScene } from "../scene.ts";
import { figure, type Measurement } from "../table.ts";

const PATH = "/spawner/v1/images";
const SIZE = { tags: 500, nodes: 20, imagesPerNode: 30 };
const LOAD = { path: PATH, connections: 64, milliseconds: 1_500 };
const ROUNDS = 5;
const GOAL = 0.8;

/** Row 3. */
export const measureJson: Measurement = async () => {
  const peers = startRemote<PeerHandlers>(new URL("../processes/peers.ts", import.meta.url));
  const load = startRemote<LoadHandlers>(new URL("../processes/load.ts", import.meta.url));
  await using scene = await startScene(SIZE);
  const answer = await fetch(`http://127.0.0.1:${scene.httpPort}${PATH}`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const peerPort = await peers.call("http", bytes);
  const turns = await inTurn(
    ROUNDS,
    () => load.call("http", { ...LOAD, port: scene.httpPort }),
    () => load.call("http", { ...LOAD, port: peerPort }),
  );
  await Promise.all([peers.stop(), load.stop()]);
  const ratio = ratioOf(turns);
  return [
    {
      number: 3,
      what: `${PATH}, ${bytes.length.toLocaleString("en-US")} bytes`,
      ours: `${figure(median(turns.ours))}/s`,
      against: `bare node:http sending the same bytes: ${figure(median(turns.theirs))}/s`,
      ratio: figure(ratio),
      goal: `at least ${GOAL}`,
      met: ratio >= GOAL,
    },
  ];
};
