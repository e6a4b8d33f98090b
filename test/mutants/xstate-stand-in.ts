import { setup as originalSetup } from "xstate";
import { changedParts, type MachineParts } from "./machine-changes.ts";

/** What src/machines imports in the place of xstate while machines are changed: all of it, with a `setup` of our own. */
export * from "xstate";

type Options = MachineParts["options"];
type Config = MachineParts["config"];

/** As xstate's, but the parts go through `changeMachines` first. */
export const setup = standIn as unknown as typeof originalSetup;

function standIn(options: Options) {
  return {
    ...originalSetup(options),
    createMachine(original: Config): unknown {
      const { options: changedOptions, config } = changedParts({
        id: String(original["id"]),
        options,
        config: original,
      });
      return originalSetup(changedOptions).createMachine(config);
    },
  };
}
