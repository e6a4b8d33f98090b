import { access, constants, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { buildOnce } from "./build.ts";

/** Where the three programs of a control plane are. */
export type ControlPlaneBinaries = {
  readonly etcd: string;
  readonly apiServer: string;
  readonly controllerManager: string;
};

/** The programs and where they came from, or one sentence saying why a suite that needs them cannot run here. */
export type BinariesLookup =
  | {
      readonly available: true;
      readonly binaries: ControlPlaneBinaries;
      readonly source: "KUBEBUILDER_ASSETS" | "cache" | "built now";
    }
  | { readonly available: false; readonly reason: string };

const TOOLS_MODULE = join(import.meta.dirname, "tools");

/**
 * Finds etcd, kube-apiserver and kube-controller-manager.
 *
 * 1. In the folder that `KUBEBUILDER_ASSETS` names, as envtest does. All three must be there: a controller manager of
 *    our own beside somebody's API server could be the newer of the two, which Kubernetes does not support.
 * 2. Else in the cache folder, `lab-images/kube-…` under `XDG_CACHE_HOME` or `~/.cache`.
 * 3. Else built once into that folder with the `go` on the PATH, from the versions that `tools/go.mod` locks. That
 *    takes minutes, so it is announced on standard error.
 */
export async function findControlPlaneBinaries(env: NodeJS.ProcessEnv = process.env): Promise<BinariesLookup> {
  const assets = env["KUBEBUILDER_ASSETS"];
  if (assets) {
    const missing = await missingFrom(assets);
    return missing.length === 0
      ? found(assets, "KUBEBUILDER_ASSETS")
      : unavailable(`KUBEBUILDER_ASSETS is set, but lacks ${list(missing)}`);
  }
  const folder = await cacheFolder(env);
  if ((await missingFrom(folder)).length === 0) {
    return found(folder, "cache");
  }
  try {
    await buildOnce({
      module: TOOLS_MODULE,
      folder,
      kubernetesVersion: (await lockedVersions()).kubernetes,
      isComplete: async () => (await missingFrom(folder)).length === 0,
      env,
    });
  } catch (error) {
    return unavailable(error instanceof Error ? error.message : String(error));
  }
  return found(folder, "built now");
}

async function cacheFolder(env: NodeJS.ProcessEnv): Promise<string> {
  const { kubernetes, etcd } = await lockedVersions();
  const root = env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  return join(root, "lab-images", `kube-${kubernetes}-etcd-${etcd}`);
}

async function lockedVersions(): Promise<{ kubernetes: string; etcd: string }> {
  const text = await readFile(join(TOOLS_MODULE, "go.mod"), "utf8");
  const version = (module: string): string => {
    const line = text
      .split("\n")
      .map((each) => each.trim())
      .find((each) => each.startsWith(`${module} v`));
    if (line === undefined) {
      throw new Error(`tools/go.mod requires no ${module}`);
    }
    return line.split(" ")[1] ?? "";
  };
  return {
    kubernetes: version("k8s.io/kubernetes"),
    etcd: version("go.etcd.io/etcd/server/v3"),
  };
}

function binariesIn(folder: string): ControlPlaneBinaries {
  return {
    etcd: join(folder, "etcd"),
    apiServer: join(folder, "kube-apiserver"),
    controllerManager: join(folder, "kube-controller-manager"),
  };
}

async function missingFrom(folder: string): Promise<string[]> {
  const checks = Object.values(binariesIn(folder)).map(async (path) => {
    const usable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    return usable ? [] : [path];
  });
  return (await Promise.all(checks)).flat();
}

function found(folder: string, source: "KUBEBUILDER_ASSETS" | "cache" | "built now"): BinariesLookup {
  return { available: true, binaries: binariesIn(folder), source };
}

function unavailable(reason: string): BinariesLookup {
  return { available: false, reason };
}

function list(items: readonly string[]): string {
  return new Intl.ListFormat("en").format(items);
}
