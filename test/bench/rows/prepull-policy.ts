import { prepullPolicyTable } from "../prepull-policy/table.ts";
import { figure, type Measurement, type Row } from "../table.ts";

const MINUTE = 60_000;

/** Row 11: both policies in the same clusters, in virtual time, so that the same figures come out each time. */
export const measurePrepullPolicy: Measurement = async () => {
  const { original, ours, ratios } = await prepullPolicyTable();
  const row = (what: string, key: keyof typeof ratios, goal: number): Row => ({
    number: 11,
    what: `prepulling: ${what}, in virtual time`,
    ours: minutes(ours[key]),
    against: `the original's policy in the same clusters: ${minutes(original[key])}`,
    ratio: `${figure(ratios[key])} times as fast`,
    goal: goal === 1 ? "not slower" : `at least ${goal} times`,
    met: ratios[key] >= goal,
  });
  return [
    row("median over all pairs of node and image", "median", 1),
    row("99th percentile on nodes that joined", "joinedP99", 5),
    row("the recommended image everywhere", "recommendedEverywhere", 2),
  ];
};

function minutes(milliseconds: number): string {
  return `${figure(milliseconds / MINUTE)} min`;
}
