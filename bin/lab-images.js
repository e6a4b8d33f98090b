#!/usr/bin/env node
// Plain JavaScript, so that a Node that is too old can say so instead of failing on the first TypeScript file.
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
  await main(process.argv.slice(2));
}
