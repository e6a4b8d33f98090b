import { changeMachines } from "./machine-changes.ts";
import { type ConfigPath, withoutPath } from "./transition-paths.ts";

/** One transition that is taken out. */
export interface Mutant {
  /** Id of the machine. */
  readonly machine: string;
  readonly path: ConfigPath;
}

/** Carries the mutant, as JSON, to the processes that run the tests. */
const VARIABLE = "LAB_IMAGES_MUTANT";

/** For the environment of a process that is to run with this mutant; null: with the machines as they are. */
export function mutantVariable(mutant: Mutant | null): Readonly<Record<string, string | undefined>> {
  return { [VARIABLE]: mutant === null ? undefined : JSON.stringify(mutant) };
}

/** How a mutant is told: `waitGate held.on["caller.attached"][1]`. */
export function nameOf({ machine, path }: Mutant): string {
  const place = path
    .filter((key) => key !== "states")
    .map(nameOfKey)
    .join("");
  return `${machine} ${place.replace(/^\./, "")}`;
}

function nameOfKey(key: string | number): string {
  if (typeof key === "number") return `[${key}]`;
  return /^\w+$/.test(key) ? `.${key}` : `["${key}"]`;
}

/** Takes out of this process's machines what the environment says. */
function mutate(): void {
  const text = process.env[VARIABLE];
  if (text === undefined) return;
  const mutant: Mutant = JSON.parse(text);
  changeMachines((parts) =>
    parts.id === mutant.machine
      ? { ...parts, config: withoutPath(parts.config, mutant.path) as typeof parts.config }
      : parts,
  );
}

mutate();
