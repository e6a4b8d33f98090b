import { ROW_11, type ScenarioSize } from "./scenario.ts";

/** What differs from row 11 in a situation, by its name. */
export const SITUATIONS: Readonly<Record<string, Partial<ScenarioSize>>> = {
  "row 11: capacity 20, 2.5 Gbit/s": {},
  "capacity 20, 1 Gbit/s": { gigabits: 1 },
  "capacity 20, 10 Gbit/s": { gigabits: 10 },
  "capacity 5, 1 Gbit/s": { capacity: 5, gigabits: 1 },
  "capacity 5, 2.5 Gbit/s": { capacity: 5 },
  "capacity 5, 10 Gbit/s": { capacity: 5, gigabits: 10 },
  "capacity 100, 1 Gbit/s": { capacity: 100, gigabits: 1 },
  "capacity 100, 2.5 Gbit/s": { capacity: 100 },
  "capacity 100, 10 Gbit/s": { capacity: 100, gigabits: 10 },
  "0 % stuck": { stuckPart: 0 },
  "10 % stuck": { stuckPart: 0.1 },
  "2 % stuck for 30 minutes": { hangMinutes: 30 },
  "10 % stuck for 30 minutes": { stuckPart: 0.1, hangMinutes: 30 },
  "no joins": { joining: 0, joinsPerMinute: 0 },
  "10 joins a minute": { joinsPerMinute: 10 },
  "20 nodes": { nodes: 20 },
  "50 nodes": { nodes: 50 },
  "500 nodes": { nodes: 500 },
  "1,000 nodes": { nodes: 1_000 },
  "sizes wrong by 4, mixed": { sizes: "mixed" },
  "sizes 4 times the true ones": { sizes: "four times" },
  "sizes a quarter of the true ones": { sizes: "a quarter" },
  "a slow zone: a third of the nodes at a quarter": { slowPart: 1 / 3 },
  "an outage of 3 minutes at minute 5": { outageAtMinute: 5 },
  "the same, 10 joins a minute": { outageAtMinute: 5, joinsPerMinute: 10 },
  "the cap a quarter of the capacity": { mostPulls: 5, maxPulls: 5 },
  "the cap four times the capacity": { mostPulls: 80, maxPulls: 400 },
};

/** The sizes of a situation. */
export function situation(name: string): ScenarioSize {
  const difference = SITUATIONS[name];
  if (difference === undefined) throw new Error(`no situation is named ${name}`);
  return { ...ROW_11, ...difference };
}
