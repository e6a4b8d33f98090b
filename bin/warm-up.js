// Loads the program once, so that its compile cache is there before the first start: after `npm ci`, and in the image.
if (Number(process.versions.node.split(".")[0]) >= 24) {
  const { useCompileCache } = await import("./compile-cache.js");
  useCompileCache();
  for (const module of ["main", "cli/arguments", "cli/output", "app/run", "app/demo", "cli/clients/run-client"]) {
    await import(`../src/${module}.ts`);
  }
}
