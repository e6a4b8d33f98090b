import { changeMachines } from "../../mutants/machine-changes.ts";

type Guard = (input: {
  readonly context: Readonly<Record<string, unknown>>;
  readonly event: { type: string };
}) => boolean;

/** Lets a guard of a machine throw where `isDue` says so: a defect, as far as anybody can tell. */
export function breakGuard(machine: string, guard: string, isDue: (input: Parameters<Guard>[0]) => boolean): void {
  changeMachines((parts) => {
    if (parts.id !== machine) return parts;
    const guards = parts.options["guards"] as Readonly<Record<string, Guard>>;
    const original = guards[guard];
    if (original === undefined) throw new Error(`${machine} has no guard ${guard}`);
    const broken: Guard = (input) => {
      if (isDue(input)) throw new TypeError("a defect that the test has put in");
      return original(input);
    };
    return { ...parts, options: { ...parts.options, guards: { ...guards, [guard]: broken } } };
  });
}
