import type { LoadHandlers } from "../processes/load.ts";
import type { PeerHandlers } from "../processes/peers.ts";
import { startRemote } from "../processes/remote.ts";
import { startScene } from "../scene.ts";
import type { Measurement } from "../table.ts";
import { compareThroughput } from "../throughput.ts";

const PATH = "/spawner/v1/images";
const SIZE = { tags: 500, nodes: 20, imagesPerNode: 30 };
const LOAD = { path: PATH, connections: 64, warmUp: 500, milliseconds: 1_500 };

/** Row 3. */
export const measureJson: Measurement = async () => {
  const peers = startRemote<PeerHandlers>(new URL("../processes/peers.ts", import.meta.url), ["--expose-gc"]);
  const load = startRemote<LoadHandlers>(new URL("../processes/load.ts", import.meta.url));
  await using scene = await startScene(SIZE);
  const answer = await fetch(`http://127.0.0.1:${scene.httpPort}${PATH}`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const peerPort = await peers.call("http", bytes);
  const loadOn = (port: number) => () => load.call("http", { ...LOAD, port });
  const row = await compareThroughput(
    {
      number: 3,
      what: `${PATH}, ${bytes.length.toLocaleString("en-US")} bytes`,
      against: "bare node:http sending the same bytes",
      goal: 0.8,
    },
    { process: scene.service, load: loadOn(scene.httpPort) },
    { process: peers, load: loadOn(peerPort) },
  );
  await Promise.all([peers.stop(), load.stop()]);
  return [row];
};
