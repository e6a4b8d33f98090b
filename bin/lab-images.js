#!/usr/bin/env node
// Plain JavaScript, so that a Node that is too old can say so instead of failing on the first TypeScript file.

// Signals before anything is loaded: without a handler SIGTERM would end the process as killed, and be lost where it is
// the first process of a container. A second signal ends the process at once.
const stopping = new AbortController();
for (const [signal, number] of [
  ["SIGINT", 2],
  ["SIGTERM", 15],
]) {
  process.on(signal, () => {
    if (stopping.signal.aborted) process.exit(128 + number);
    stopping.abort(signal);
  });
}

/** Time in ms for what is still open, such as a library's timer, to end by itself once everything is done. */
const LINGER_MS = 1_000;
const needed = 24;
const major = Number(process.versions.node.split(".")[0]);
if (major < needed) {
  process.stderr.write(
    `lab-images needs Node ${needed} or newer, and this is ${process.versions.node}.\n` +
      "On Linux (x64, arm64) npm has brought one along: start it with `npm start` or `npm run`, which use that one.\n",
  );
  process.exitCode = 2;
} else {
  const { useCompileCache } = await import("./compile-cache.js");
  useCompileCache();
  const { main } = await import("../src/main.ts");
  await main(process.argv.slice(2), stopping.signal);
  setTimeout(() => process.exit(), LINGER_MS).unref();
}
