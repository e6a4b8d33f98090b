import { startKubernetesApi } from "../../src/simulation/kubernetes/kubernetes-api.ts";
import { imageEntry, nodeObject } from "../kubernetes/node-fixture.ts";

/**
 * A simulated API server in a process of its own, so that what it costs is not measured as ours: as many nodes as the
 * first argument says, with 50 images each out of 600. Each line on its standard input changes all nodes at once; it
 * answers each with a line, after the last write.
 */
const count = Number(process.argv[2]);
const shared = Array.from({ length: 600 }, (_, number) => imageEntry(number));
const api = await startKubernetesApi();

function putAll(round: number): void {
  for (let i = 0; i < count; i += 1) {
    const images = Array.from({ length: 50 }, (_, k) => shared[(i + k * 7 + round) % shared.length] ?? imageEntry(0));
    api.putNode(nodeObject(`node-${String(i).padStart(5, "0")}`, [], { status: { images } }));
  }
}

putAll(0);
process.stdout.write(`${api.port}\n`);
let round = 0;
process.stdin.on("data", () => {
  round += 1;
  putAll(round);
  process.stdout.write(`changed ${round}\n`);
});
process.stdin.on("end", () => process.exit(0));
