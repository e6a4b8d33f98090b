import { registerHooks } from "node:module";

/** What `setup` and `createMachine` are given for one machine; untyped, since it is of any machine. */
export interface MachineParts {
  readonly id: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Gives a machine's parts as they are to be, the same object where nothing is to change. */
export type MachineChange = (parts: MachineParts) => MachineParts;

const changes: MachineChange[] = [];

/**
 * Changes the machines of src/machines while they are loaded, without touching their files: for those who take
 * something out to see who notices, and for those who put a defect in. Has to be called before the first of them is
 * imported, so those who call it import what rests on the machines dynamically.
 */
export function changeMachines(change: MachineChange): void {
  if (changes.length === 0) standInForXstate();
  changes.push(change);
}

/** The parts after all changes. */
export function changedParts(parts: MachineParts): MachineParts {
  return changes.reduce((changed, change) => change(changed), parts);
}

/** Gives the files of src/machines our stand-in where they import xstate. */
function standInForXstate(): void {
  const url = new URL("./xstate-stand-in.ts", import.meta.url).href;
  const machines = new URL("../../src/machines", import.meta.url).href;
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const isMachines = specifier === "xstate" && context.parentURL?.startsWith(machines) === true;
      return isMachines ? { url, shortCircuit: true } : nextResolve(specifier, context);
    },
  });
}
