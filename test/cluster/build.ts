import { spawn } from "node:child_process";
import { link, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pollUntil } from "./poll.ts";

/** What {@link buildOnce} builds, and where it puts it. */
export type BuildOptions = {
  /** The folder of the Go module whose `tool` lines name the programs. */
  readonly module: string;
  /** The folder that appears, whole, when the build is done. */
  readonly folder: string;
  /** Written into the programs, which else report no version of their own at `/version`. */
  readonly kubernetesVersion: string;
  /** Whether the folder holds all programs: asked before building, and while another process builds. */
  readonly isComplete: () => Promise<boolean>;
  readonly env: NodeJS.ProcessEnv;
};

const PACKAGES = [
  "go.etcd.io/etcd/server/v3",
  "k8s.io/kubernetes/cmd/kube-apiserver",
  "k8s.io/kubernetes/cmd/kube-controller-manager",
];

/** A cold build took 5 minutes on two cores; on a slow and busy machine it may take several times that. */
const BUILD_DEADLINE_MS = 45 * 60_000;

/**
 * Builds the control plane's programs into `folder`, unless they are there or get there meanwhile.
 *
 * Safe for several processes at once: one holds the lock and builds into a temporary folder, which is renamed at the
 * end, so nobody ever sees half a build; the others wait. Rejects with one sentence for a person when it cannot be
 * done: no Go toolchain, modules out of reach, a failed compile.
 */
export async function buildOnce(options: BuildOptions): Promise<void> {
  await mkdir(dirname(options.folder), { recursive: true });
  const release = await lock(`${options.folder}.lock`);
  try {
    if (!(await options.isComplete())) {
      await build(options);
    }
  } finally {
    await release();
  }
}

async function build(options: BuildOptions): Promise<void> {
  const temporary = await mkdtemp(`${options.folder}.`);
  process.stderr.write(
    `Building etcd and the Kubernetes ${options.kubernetesVersion} control plane once into ${options.folder}: this takes minutes.\n`,
  );
  try {
    await goBuild(options, temporary);
    // Go names a program after the last path element that is no version.
    await rename(join(temporary, "server"), join(temporary, "etcd"));
    await rm(options.folder, { recursive: true, force: true });
    await rename(temporary, options.folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function goBuild(options: BuildOptions, output: string): Promise<void> {
  const args = [
    "build",
    "-trimpath",
    `-ldflags=-s -w ${versionFlags(options.kubernetesVersion)}`,
    "-o",
    `${output}/`,
    ...PACKAGES,
  ];
  const go = spawn("go", args, {
    cwd: options.module,
    env: { ...options.env, CGO_ENABLED: "0" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const endWithUs = () => go.kill("SIGKILL");
  process.once("exit", endWithUs);
  let complaint = "";
  go.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-2_000);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    go.once("error", (error) => reject(new Error(`no usable Go toolchain: ${error.message}`)));
    go.once("close", resolve);
  }).finally(() => process.off("exit", endWithUs));
  if (code !== 0) {
    throw new Error(`go build failed (${code}): ${complaint.trim()}`);
  }
}

function versionFlags(version: string): string {
  const [major = "", minor = ""] = version.replace(/^v/, "").split(".");
  const values = { gitVersion: version, gitMajor: major, gitMinor: minor };
  return Object.entries(values)
    .map(([key, value]) => `-X k8s.io/component-base/version.${key}=${value}`)
    .join(" ");
}

/**
 * A lock that is a file with its holder's process id, linked into place so that it never exists without that id.
 *
 * A holder that died leaves the file, so a file whose process is gone is removed. Two processes that find such a file
 * in the same instant may both come to build; the rename keeps that harmless.
 */
async function lock(path: string): Promise<() => Promise<void>> {
  const claim = `${path}.${process.pid}`;
  await writeFile(claim, String(process.pid));
  try {
    await pollUntil(`another process to finish the build and remove ${path}`, () => acquire(path, claim), {
      timeoutMs: BUILD_DEADLINE_MS,
      intervalMs: 250,
    });
  } finally {
    await rm(claim, { force: true });
  }
  return () => rm(path, { force: true });
}

async function acquire(path: string, claim: string): Promise<boolean> {
  try {
    await link(claim, path);
    return true;
  } catch {
    if (!isAlive(Number(await readFile(path, "utf8")))) {
      await rm(path, { force: true });
    }
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process may not be signalled, but it is there.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
