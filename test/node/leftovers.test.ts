import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, readlink, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import { eventually } from "../support/eventually.ts";
import { RUN_VARIABLE, RUNS } from "./run.ts";
import { PATIENCE } from "./service.ts";

/** A run of another process, as anybody sees it who looks at the machine. */
interface SeenRun {
  readonly slot: string;
  readonly folder: string;
}

/** Fills two nodes, and ends. */
const SUITE = ["--test", "--conditions=development", "--test-name-pattern=are filled"];
const SUITE_FILE = join(import.meta.dirname, "fill.test.ts");
const CGROUPS = "/sys/fs/cgroup";
const SHIM_SOCKETS = "/run/containerd/s";
const CNI_RESULTS = "/var/lib/cni/results";
const CONTAINER_LOGS = "/var/log/containers";

describe("the suite, killed by SIGKILL", () => {
  const moments: readonly { when: string; victim: "runner" | "file"; isReached: (run: SeenRun) => Promise<void> }[] = [
    {
      when: "while the control plane starts",
      victim: "runner",
      isReached: async (run) => assert.ok(await runs(run, "etcd")),
    },
    {
      when: "while pods run",
      victim: "file",
      isReached: async (run) => assert.ok((await mountsOf(run)).some((mount) => mount.includes("/rootfs"))),
    },
    {
      when: "while it takes everything away",
      victim: "runner",
      async isReached(run) {
        await eventually(
          async () => assert.ok((await mountsOf(run)).some((mount) => mount.includes("/rootfs"))),
          PATIENCE,
        );
        await eventually(async () => assert.ok(!(await runs(run, "etcd"))), { ...PATIENCE, everyMs: 5 });
      },
    },
  ];

  for (const { when, victim, isReached } of moments) {
    it(`leaves nothing behind: ${when}`, async () => {
      await using scope = new AsyncDisposableStack();
      const temporary = await mkdtemp(join(tmpdir(), "lab-images-killed-"));
      scope.defer(() => rm(temporary, { recursive: true, force: true }));
      // Inside of a test the runner would report to ours instead of running files; and what is killed is no figure.
      const { NODE_TEST_CONTEXT: _, LAB_IMAGES_FIGURES: __, ...env } = process.env;
      const suite = spawn(process.execPath, [...SUITE, SUITE_FILE], {
        env: { ...env, TMPDIR: temporary },
        stdio: "ignore",
      });
      scope.defer(() => void suite.kill("SIGKILL"));
      const exited = once(suite, "exit");
      const run = await eventually(() => findRun(temporary), PATIENCE);
      await eventually(() => isReached(run), PATIENCE);
      const known = await identitiesOf([...(await namedAfter(run)), ...(await socketsOf(run))]);
      if (victim === "file") process.kill(await ownerOf(run), "SIGKILL");
      else suite.kill("SIGKILL");
      await eventually(async () => assert.deepEqual(await tracesOf(run, known), []), PATIENCE);
      await exited;
      assert.deepEqual(await readdir(temporary), []);
    });
  }
});

/** The run whose folder is below this one. */
async function findRun(temporary: string): Promise<SeenRun> {
  for (const slot of await readdir(RUNS)) {
    const folder = await readlink(join(RUNS, slot)).catch(() => "");
    if (folder.startsWith(`${temporary}/`)) return { slot, folder };
  }
  throw new assert.AssertionError({ message: "no run has begun" });
}

async function ownerOf({ folder }: SeenRun): Promise<number> {
  return JSON.parse(await readFile(join(folder, "owner.json"), "utf8")).pid;
}

/**
 * Everything on the machine that is of this run, or was. `known` are identities of what has its name: another run may have
 * the slot, and the names that go with it, by now.
 */
async function tracesOf(run: SeenRun, known: ReadonlySet<string>): Promise<readonly string[]> {
  const { slot, folder } = run;
  const named = await identitiesOf([...(await namedAfter(run)), ...(await namesIn(SHIM_SOCKETS))]);
  return [
    ...(await processesOf(run)).map((process) => `process ${process}`),
    ...(await mountsOf(run)).map((mount) => `mount ${mount}`),
    ...named.intersection(known),
    ...(await matching(CNI_RESULTS, async (path) => (await textOf(path)).includes(`${folder}/`))),
    ...(await matching(CONTAINER_LOGS, async (path) => (await readlink(path)).startsWith(`${folder}/`))),
    ...(await matching(RUNS, async (path) => basename(path) === slot && (await readlink(path)) === folder)),
    ...(await namesIn(folder)),
  ];
}

/** Paths of bridges and cgroups; cgroups of both versions: those below the root, and those below each hierarchy. */
async function namedAfter({ slot }: SeenRun): Promise<readonly string[]> {
  const cgroups = await namesIn(CGROUPS);
  const paths = [...(await namesIn("/sys/class/net")), ...cgroups, ...(await Promise.all(cgroups.map(namesIn))).flat()];
  return paths.filter((path) => basename(path).startsWith(`labnode${slot}-`));
}

/** Tell a path from a later one of the same name. */
async function identitiesOf(paths: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await Promise.all(
    paths.map((path) =>
      stat(path).then(
        ({ ino }) => [`${path} (${ino})`],
        () => [],
      ),
    ),
  );
  return new Set(found.flat());
}

/** Paths of a folder's entries that match; what cannot be read does not. */
async function matching(folder: string, matches: (path: string) => Promise<boolean>): Promise<readonly string[]> {
  const found = await Promise.all(
    (await namesIn(folder)).map(async (path) => ((await matches(path).catch(() => false)) ? [path] : [])),
  );
  return found.flat();
}

async function runs(run: SeenRun, program: string): Promise<boolean> {
  return (await processesOf(run)).some((path) => basename(path) === program);
}

/** The programs of its processes. */
async function processesOf({ folder }: SeenRun): Promise<readonly string[]> {
  const found = await Promise.all(
    (await namesIn("/proc")).map(async (path) => {
      const variables = (await textOf(join(path, "environ"))).split("\0");
      if (!variables.includes(`${RUN_VARIABLE}=${folder}`)) return [];
      const [program = ""] = (await textOf(join(path, "cmdline"))).split("\0");
      return program === "" ? [] : [program];
    }),
  );
  return found.flat();
}

async function mountsOf({ folder }: SeenRun): Promise<readonly string[]> {
  const lines = (await textOf("/proc/self/mountinfo")).split("\n");
  return lines.map((line) => line.split(" ")[4] ?? "").filter((path) => path.startsWith(`${folder}/`));
}

/** The sockets of its containers' shims, which are not in its folder. */
async function socketsOf(run: SeenRun): Promise<readonly string[]> {
  const pids = await namesIn("/proc");
  const inodes = new Set<string>();
  for (const path of pids) {
    const variables = (await textOf(join(path, "environ"))).split("\0");
    if (!variables.includes(`${RUN_VARIABLE}=${run.folder}`)) continue;
    for (const descriptor of await namesIn(join(path, "fd"))) inodes.add(await readlink(descriptor).catch(() => ""));
  }
  const lines = (await textOf("/proc/net/unix")).split("\n").map((line) => line.trim().split(/\s+/));
  return lines
    .filter((fields) => inodes.has(`socket:[${fields[6]}]`))
    .map((fields) => fields[7] ?? "")
    .filter((path) => path.startsWith(SHIM_SOCKETS));
}

/** Paths of a folder's entries; none where it cannot be read. */
async function namesIn(folder: string): Promise<readonly string[]> {
  return (await readdir(folder).catch(() => [])).map((name) => join(folder, name));
}

/** Empty where it cannot be read: processes go while one looks at them. */
async function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}
