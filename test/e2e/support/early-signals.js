// Preloaded before the program: tells on standard error when SIGTERM is first taken, and which module of ours is loaded
// before that.
import { writeSync } from "node:fs";
import { registerHooks } from "node:module";

let taken = false;
const on = process.on;
process.on = function takes(event, ...rest) {
  const result = on.call(this, event, ...rest);
  if (event === "SIGTERM" && !taken) {
    taken = true;
    writeSync(2, "SIGTERM is taken\n");
  }
  return result;
};
registerHooks({
  load(url, context, next) {
    if (!taken && url.includes("/src/")) writeSync(2, `loaded before: ${url}\n`);
    return next(url, context);
  },
});
