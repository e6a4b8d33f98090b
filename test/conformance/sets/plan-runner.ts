import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { runPlan } from "../../../src/app/plan/run-plan.ts";
import { ConfigError } from "../../../src/config/config-error.ts";
import type { CaseRunner } from "../run-directory.ts";
import { SET_CASE } from "./set-case.ts";

/** Runs a case through `lab-images plan`: a configuration file and a state file, and what the command prints as JSON. */
export const planRunner: CaseRunner = async (testCase) => {
  const { config, registries, nodes, now, ask } = SET_CASE.parse(testCase);
  const directory = await mkdtemp(join(tmpdir(), "plan-case-"));
  try {
    const files = { config: join(directory, "config.yaml"), state: join(directory, "state.json") };
    await writeFile(files.config, stringify(config));
    await writeFile(files.state, JSON.stringify({ registries, nodes, now, ask }));
    let printed = "";
    await runPlan({ ...files, json: true }, (text) => {
      printed += text;
    });
    return JSON.parse(printed);
  } catch (error) {
    if (error instanceof ConfigError) return { errors: error.problems.map(({ path }) => path).sort() };
    throw error;
  } finally {
    await rm(directory, { recursive: true });
  }
};
