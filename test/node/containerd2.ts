import { join } from "node:path";
import { buildOnce, cacheFolder, lockedVersion, missingFrom } from "../cluster/build.ts";

const TOOLS_MODULE = join(import.meta.dirname, "tools");
const MODULE = "github.com/containerd/containerd/v2";
const PROGRAMS = {
  containerd: `${MODULE}/cmd/containerd`,
  "containerd-shim-runc-v2": `${MODULE}/cmd/containerd-shim-runc-v2`,
};

/**
 * Returns the folder of containerd 2 and its shim, which are built once, in about two minutes, from the version that
 * `tools/go.mod` locks. Rejects with one sentence where that cannot be done.
 */
export async function findContainerd2(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const version = await lockedVersion(TOOLS_MODULE, MODULE);
  const folder = join(cacheFolder(env), `containerd-${version}`);
  const programs = Object.keys(PROGRAMS).map((name) => join(folder, name));
  const isComplete = async () => (await missingFrom(programs)).length === 0;
  if (await isComplete()) return folder;
  await buildOnce({
    what: `containerd ${version}`,
    module: TOOLS_MODULE,
    folder,
    programs: PROGRAMS,
    variables: { [`${MODULE}/version.Version`]: version },
    isComplete,
    env,
  });
  return folder;
}
