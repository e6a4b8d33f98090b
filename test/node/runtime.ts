import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { pollUntil } from "../cluster/poll.ts";
import { type ServerProcess, startServer } from "../cluster/processes.ts";
import { createImage, createLayer, imageArchive } from "./images.ts";
import { pauseProgram } from "./programs.ts";
import { writeRuntimeSettings } from "./runtime-settings.ts";

/** What a runtime is started with. */
export interface RuntimeOptions {
  readonly folder: string;
  /** Of its network and its bridge. */
  readonly name: string;
  readonly cniPlugins: string;
  /** As image references name it, and where it is reached instead. */
  readonly registry: { readonly host: string; readonly url: string };
  /** The folder of containerd 2 and its shim; null for the containerd on the PATH, which is of version 1. */
  readonly containerd2: string | null;
}

/** A node's containerd with runc and a bridge of its own. */
export interface Runtime {
  readonly socket: string;
  /** Ends it, by SIGKILL unless told; its containers live on. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again and waits until it answers. */
  start(): Promise<void>;
  /** The names of all images: tags, digests and ids. */
  imageNames(): Promise<readonly string[]>;
  /** Removes an image with all its names, as `crictl rmi` does. */
  removeImage(digest: string): Promise<void>;
  /** Whether content with this digest is being fetched. */
  isFetching(digest: string): Promise<boolean>;
  logTail(): Promise<string>;
}

/** Not in any registry: sandboxes need nothing of the network. */
const PAUSE_IMAGE = "lab-images.test/pause:1";
const START_DEADLINE_MS = 120_000;
const CTR_DEADLINE_MS = 60_000;

/** Starts containerd, with the image that every sandbox needs. */
export async function startRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { folder, containerd2 } = options;
  const socket = join(folder, "containerd.sock");
  const configPath = join(folder, "containerd.toml");
  await writeRuntimeSettings({ ...options, socket, pauseImage: PAUSE_IMAGE }, configPath);
  const program = containerd2 === null ? "containerd" : join(containerd2, "containerd");
  const launch = () => startServer("containerd", program, ["--config", configPath], join(folder, "containerd.log"));
  const ctr = async (...args: readonly string[]): Promise<string> => {
    const all = ["--address", socket, "--namespace", "k8s.io", ...args];
    return (await promisify(execFile)("ctr", all, { timeout: CTR_DEADLINE_MS, maxBuffer: 1 << 26 })).stdout;
  };
  let server: ServerProcess = launch();

  async function untilItAnswers(): Promise<void> {
    const current = server;
    const limits = { timeoutMs: START_DEADLINE_MS, giveUp: () => current.ended() };
    await pollUntil("containerd to answer", async () => (await ctr("version")) !== "", limits).catch(async (error) => {
      throw new Error(`containerd did not start; the end of its log:\n${await current.logTail()}`, { cause: error });
    });
  }

  async function lines(...args: readonly string[]): Promise<string[]> {
    return (await ctr(...args)).split("\n").filter((line) => line !== "");
  }

  await untilItAnswers();
  await importPauseImage(folder, ctr);
  return {
    socket,
    stop: (signal = "SIGKILL") => server.stop(signal),
    async start() {
      server = launch();
      await untilItAnswers();
    },
    imageNames: () => lines("images", "list", "--quiet"),
    async removeImage(digest) {
      const listed = (await lines("images", "list")).filter((line) => line.includes(digest));
      const names = listed.map((line) => line.split(/\s+/)[0] ?? "");
      await ctr("images", "remove", ...names);
    },
    isFetching: async (digest) => (await lines("content", "active")).some((line) => line.includes(digest)),
    logTail: () => server.logTail(),
  };
}

async function importPauseImage(folder: string, ctr: (...args: readonly string[]) => Promise<string>): Promise<void> {
  const layer = await createLayer({ pause: { content: pauseProgram(), mode: 0o755 } });
  const archive = join(folder, "pause.tar");
  await writeFile(archive, imageArchive(createImage({ layers: [layer], entrypoint: "/pause" }), PAUSE_IMAGE));
  await ctr("images", "import", archive);
  // The CRI plugin learns of it by an event, and marks it then.
  await pollUntil("containerd's CRI plugin to take notice of the pause image", async () =>
    (await ctr("images", "list", `name==${PAUSE_IMAGE}`)).includes("io.cri-containerd.image=managed"),
  );
}
