/** Loaded before the program: logs at its end which modules it has loaded, in a line of its own. */
import { registerHooks } from "node:module";

const loaded: string[] = [];
registerHooks({
  load(url, context, nextLoad) {
    loaded.push(url);
    return nextLoad(url, context);
  },
});
process.on("exit", () => {
  const builtIn: unknown = Reflect.get(process, "moduleLoadList");
  if (Array.isArray(builtIn)) loaded.push(...builtIn);
  process.stdout.write(`${JSON.stringify({ level: "info", msg: "loaded modules", loaded })}\n`);
});
