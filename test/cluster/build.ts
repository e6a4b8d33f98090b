import { spawn } from "node:child_process";
import { access, constants, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { acquireLock } from "../support/lock-file.ts";

/** What {@link buildOnce} builds, and where it puts it. */
export type BuildOptions = {
  /** For the announcement: "Building … once". */
  readonly what: string;
  /** The folder of the Go module whose `tool` lines name the programs. */
  readonly module: string;
  /** The folder that appears, whole, when the build is done. */
  readonly folder: string;
  /** Import path of each program, by the name of its file. */
  readonly programs: Readonly<Record<string, string>>;
  /** Variables of packages that are set at link time, such as the version that a program reports. */
  readonly variables: Readonly<Record<string, string>>;
  /** Whether the folder holds all programs: asked before building, and while another process builds. */
  readonly isComplete: () => Promise<boolean>;
  readonly env: NodeJS.ProcessEnv;
};

/** A cold build took 11 minutes on two cores; on a slow and busy machine it may take several times that. */
const BUILD_DEADLINE_MS = 45 * 60_000;

/** Returns the folder of all that is built: `lab-images` under `XDG_CACHE_HOME` or `~/.cache`. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  return join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "lab-images");
}

/** Returns the version of a module that the `go.mod` in this folder locks. */
export async function lockedVersion(folder: string, module: string): Promise<string> {
  const lines = (await readFile(join(folder, "go.mod"), "utf8")).split("\n").map((line) => line.trim());
  const line = lines.find((each) => each.startsWith(`${module} v`));
  if (line === undefined) throw new Error(`${folder}/go.mod requires no ${module}`);
  return line.split(" ")[1] ?? "";
}

/** Returns those of these paths where no program is. */
export async function missingFrom(paths: readonly string[]): Promise<string[]> {
  const checks = paths.map(async (path) => {
    const usable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    return usable ? [] : [path];
  });
  return (await Promise.all(checks)).flat();
}

/**
 * Builds programs into `folder`, unless they are there or get there meanwhile.
 *
 * Safe for several processes at once: one holds the lock and builds into a temporary folder, which is renamed at the
 * end, so nobody ever sees half a build, also where two hold it; the others wait. Rejects with one sentence for a person when it cannot be
 * done: no Go toolchain, modules out of reach, a failed compile.
 */
export async function buildOnce(options: BuildOptions): Promise<void> {
  await mkdir(dirname(options.folder), { recursive: true });
  const release = await acquireLock(`${options.folder}.lock`, BUILD_DEADLINE_MS);
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
  process.stderr.write(`Building ${options.what} once into ${options.folder}: this takes minutes.\n`);
  try {
    await goBuild(options, temporary);
    for (const [name, path] of Object.entries(options.programs)) {
      await rename(join(temporary, goNameOf(path)), join(temporary, name));
    }
    await rm(options.folder, { recursive: true, force: true });
    await rename(temporary, options.folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function goBuild(options: BuildOptions, output: string): Promise<void> {
  const variables = Object.entries(options.variables).map(([name, value]) => `-X ${name}=${value}`);
  const args = [
    "build",
    "-trimpath",
    `-ldflags=${["-s -w", ...variables].join(" ")}`,
    "-o",
    `${output}/`,
    ...Object.values(options.programs),
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

/** Go names a program after the last path element that is no version. */
function goNameOf(importPath: string): string {
  return importPath.split("/").findLast((element) => !/^v\d+$/.test(element)) ?? "";
}
