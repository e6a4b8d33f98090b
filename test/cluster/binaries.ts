import { join } from "node:path";
import { buildOnce, cacheFolder, lockedVersion, missingFrom } from "./build.ts";

/** Where the three programs of a control plane are. */
export type ControlPlaneBinaries = {
  readonly etcd: string;
  readonly apiServer: string;
  readonly controllerManager: string;
};

/** Where they are, and the programs of a node and of its administrator. */
export type NodeBinaries = ControlPlaneBinaries & {
  readonly kubelet: string;
  readonly kubectl: string;
};

/** The programs and where they came from, or one sentence saying why a suite that needs them cannot run here. */
export type BinariesLookup<Binaries> =
  | {
      readonly available: true;
      readonly binaries: Binaries;
      readonly source: "KUBEBUILDER_ASSETS" | "cache" | "built now";
    }
  | { readonly available: false; readonly reason: string };

const TOOLS_MODULE = join(import.meta.dirname, "tools");

/** All that is built from the module, in one build, so that the packages they share are compiled once. */
const PROGRAMS = {
  etcd: "go.etcd.io/etcd/server/v3",
  "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
  "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
  kubelet: "k8s.io/kubernetes/cmd/kubelet",
  kubectl: "k8s.io/kubernetes/cmd/kubectl",
};

/**
 * Finds etcd, kube-apiserver and kube-controller-manager.
 *
 * 1. In the folder that `KUBEBUILDER_ASSETS` names, as envtest does. All three must be there: a controller manager of
 *    our own beside somebody's API server could be the newer of the two, which Kubernetes does not support.
 * 2. Else in the cache folder, `lab-images/kube-…` under `XDG_CACHE_HOME` or `~/.cache`.
 * 3. Else built once into that folder with the `go` on the PATH, from the versions that `tools/go.mod` locks. That
 *    takes minutes, so it is announced on standard error.
 */
export async function findControlPlaneBinaries(
  env: NodeJS.ProcessEnv = process.env,
): Promise<BinariesLookup<ControlPlaneBinaries>> {
  const assets = env["KUBEBUILDER_ASSETS"];
  if (assets) {
    const missing = await missingFrom(Object.values(controlPlaneBinariesIn(assets)));
    return missing.length === 0
      ? { available: true, binaries: controlPlaneBinariesIn(assets), source: "KUBEBUILDER_ASSETS" }
      : { available: false, reason: `KUBEBUILDER_ASSETS is set, but lacks ${list(missing)}` };
  }
  return cachedOrBuilt(controlPlaneBinariesIn, env);
}

/**
 * Finds these, kubelet and kubectl, all five in one place. `KUBEBUILDER_ASSETS` counts only where it has them all:
 * envtest's archive has no kubelet.
 */
export async function findNodeBinaries(env: NodeJS.ProcessEnv = process.env): Promise<BinariesLookup<NodeBinaries>> {
  const assets = env["KUBEBUILDER_ASSETS"];
  if (assets && (await missingFrom(Object.values(nodeBinariesIn(assets)))).length === 0) {
    return { available: true, binaries: nodeBinariesIn(assets), source: "KUBEBUILDER_ASSETS" };
  }
  return cachedOrBuilt(nodeBinariesIn, env);
}

async function cachedOrBuilt<Binaries extends ControlPlaneBinaries>(
  binariesIn: (folder: string) => Binaries,
  env: NodeJS.ProcessEnv,
): Promise<BinariesLookup<Binaries>> {
  const versions = await lockedVersions();
  const folder = join(cacheFolder(env), `kube-${versions.kubernetes}-etcd-${versions.etcd}`);
  const binaries = binariesIn(folder);
  const isComplete = async () => (await missingFrom(Object.values(binaries))).length === 0;
  if (await isComplete()) {
    return { available: true, binaries, source: "cache" };
  }
  try {
    await buildOnce({
      what: `etcd and Kubernetes ${versions.kubernetes}`,
      module: TOOLS_MODULE,
      folder,
      programs: PROGRAMS,
      variables: versionVariables(versions.kubernetes),
      isComplete,
      env,
    });
  } catch (error) {
    return { available: false, reason: error instanceof Error ? error.message : String(error) };
  }
  return { available: true, binaries, source: "built now" };
}

/** Without them the API server reports no version at `/version`, and a kubelet none in its node's status. */
function versionVariables(version: string): Record<string, string> {
  const [major = "", minor = ""] = version.replace(/^v/, "").split(".");
  const values = { gitVersion: version, gitMajor: major, gitMinor: minor };
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`k8s.io/component-base/version.${name}`, value]),
  );
}

async function lockedVersions(): Promise<{ kubernetes: string; etcd: string }> {
  return {
    kubernetes: await lockedVersion(TOOLS_MODULE, "k8s.io/kubernetes"),
    etcd: await lockedVersion(TOOLS_MODULE, "go.etcd.io/etcd/server/v3"),
  };
}

function controlPlaneBinariesIn(folder: string): ControlPlaneBinaries {
  return {
    etcd: join(folder, "etcd"),
    apiServer: join(folder, "kube-apiserver"),
    controllerManager: join(folder, "kube-controller-manager"),
  };
}

function nodeBinariesIn(folder: string): NodeBinaries {
  return {
    ...controlPlaneBinariesIn(folder),
    kubelet: join(folder, "kubelet"),
    kubectl: join(folder, "kubectl"),
  };
}

function list(items: readonly string[]): string {
  return new Intl.ListFormat("en").format(items);
}
