import type { NodeReport } from "../../../src/domain/nodes/node-report.ts";
import { editNodeTable } from "../../../src/domain/nodes/node-table.ts";
import type { Snapshot } from "../../../src/domain/snapshot/snapshot.ts";
import { onlyCatalog } from "../../support/image-world.ts";
import type { WorldSize } from "../content.ts";
import { answerAll, buildSnapshot, buildWhole, type RawWorld, rawWorld } from "../domain-world.ts";
import { median, timed } from "../measure.ts";
import { figure, type Measurement, ms } from "../table.ts";

const SIZE = { tags: 20_000, nodes: 1_000, imagesPerNode: 50 };
const BUILDS = 9;
const CHANGES = 200;
const GOAL = 100;

/** What one change of one node costs, and what the whole costs. Milliseconds. */
export interface ChangeCost {
  readonly change: number;
  readonly whole: number;
}

/** Row 5. */
export const measureNodeChange: Measurement = async () => {
  const { change, whole } = changeCost(SIZE, BUILDS);
  const ratio = whole / change;
  return [
    {
      number: 5,
      what: "one node of 1,000 changes, 20,000 tags: until every answer is right",
      ours: ms(change),
      against: `building the whole snapshot: ${ms(whole)}`,
      ratio: `1/${figure(ratio)}`,
      goal: `at most 1/${GOAL}`,
      met: ratio >= GOAL,
    },
  ];
};

/** Measures both in turn, in a world whose digests the registry tells: more of it has to be kept right there. */
export function changeCost(size: WorldSize, builds: number): ChangeCost {
  const raw = rawWorld("google", size);
  let snapshot = wholeWithAnswers(raw);
  const whole: number[] = [];
  const change: number[] = [];
  for (let build = 0; build < builds; build++) {
    whole.push(timed(() => wholeWithAnswers(raw)));
    for (let step = 0; step < CHANGES / builds; step++) {
      const node = changedNode(raw, build * CHANGES + step);
      change.push(
        timed(() => {
          snapshot = afterChange(snapshot, node);
        }),
      );
    }
  }
  return { change: median(change), whole: median(whole.slice(Math.floor(builds / 3))) };
}

function wholeWithAnswers(raw: RawWorld): Snapshot {
  const snapshot = buildWhole(raw);
  answerAll(snapshot);
  return snapshot;
}

/** A node that has lost one of the images that it reported, and got one of another node's instead. */
function changedNode({ reports }: RawWorld, step: number): NodeReport {
  const report = reports[(step * 37) % reports.length];
  const other = reports[(step * 37 + 1) % reports.length];
  if (report === undefined || other === undefined) throw new TypeError("the world has no nodes");
  const gained = other.images.slice(step % 7, (step % 7) + 1);
  return { ...report, images: [...report.images.slice(1), ...gained] };
}

function afterChange(before: Snapshot, node: NodeReport): Snapshot {
  const editor = editNodeTable(before.table);
  editor.report(node, 0);
  const snapshot = buildSnapshot(onlyCatalog(before), editor.finish(), before);
  answerAll(snapshot);
  return snapshot;
}
