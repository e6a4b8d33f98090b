import { loadConfig } from "../../config/load.ts";
import { loadState } from "../../config/state-file.ts";
import { planJson } from "./plan-json.ts";
import { planText } from "./plan-text.ts";
import { planState } from "./state-plan.ts";

/** What to plan, and how to print it. */
export interface PlanOptions {
  /** Path of the configuration. */
  readonly config: string;
  /** Path of the state file. */
  readonly state: string;
  readonly json: boolean;
}

/**
 * Prints what a service with this configuration would want, show and pull, with registries and nodes as the state file has
 * them: no peer is asked for anything. Error: ConfigError, for either file.
 */
export async function runPlan({ config: file, state: stateFile, json }: PlanOptions, write: (text: string) => void) {
  const config = await loadConfig(file);
  const state = await loadState(stateFile);
  const plan = planState(config, state);
  write(json ? `${JSON.stringify(planJson(config, state, plan), null, 2)}\n` : planText(config, plan));
}
