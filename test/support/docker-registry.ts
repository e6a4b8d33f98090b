import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { eventually } from "./eventually.ts";
import { createRegistryWriter, type RegistryWriter } from "./registry-writer.ts";

/** How the registry tells callers apart. */
export type DockerRegistryAuth =
  | { readonly kind: "none" }
  /** The one account is `htpasswdAccount`. */
  | { readonly kind: "htpasswd" }
  | {
      readonly kind: "token";
      readonly realm: string;
      readonly service: string;
      readonly issuer: string;
      /** PEM certificates with the keys that sign tokens. */
      readonly certificatePem: string;
      /** A token for the pushes of the test itself. */
      readonly tokenFor: (scope: { readonly repository: string; readonly actions: readonly string[] }) => string;
    };

/** The account of a registry with htpasswd; the file holds its bcrypt hash, which node:crypto cannot make. */
export const htpasswdAccount = { username: "lab-images", password: "canary:pass" } as const;
const HTPASSWD = `${htpasswdAccount.username}:$2y$05$labimageslabimageslabe6x/FVPphTAknleuGyUYUJxieNAEbIcS\n`;

export interface DockerRegistryOptions {
  readonly auth?: DockerRegistryAuth;
  /** Where the registry posts its notifications, and the header that it sends along. */
  readonly notifications?: { readonly url: string; readonly authorization: string };
  /** Chosen by the system unless given. */
  readonly port?: number;
  /** Where images are kept. A directory of its own, removed by `close`, unless given. */
  readonly dir?: string;
  /** Where `push` and `delete` work. */
  readonly repository?: string;
}

/** Debian's `docker-registry` (distribution 2.8) on loopback. */
export interface DockerRegistry {
  /** `127.0.0.1:port`, the same after a restart. */
  readonly host: string;
  readonly url: string;
  readonly repository: string;
  /** The header that lets a caller in: none where anybody may. */
  readonly credentials: Readonly<Record<string, string>>;
  /** Pushes a small manifest with its blobs, which no runtime could unpack; the same content gives the same digest. Answers the digest. */
  push(tag: string, options?: { readonly content?: string }): Promise<string>;
  /** Deletes the manifest of a tag, and with it every tag of that digest: this registry knows no other deletion. */
  delete(tag: string): Promise<void>;
  /** Ends the process; its images stay. */
  stop(): Promise<void>;
  /** Starts the process again, on the same port and images. */
  start(): Promise<void>;
  /** Stops, and removes what the registry has written. */
  close(): Promise<void>;
}

const MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json";
const STOP_GRACE_MS = 5_000;

async function findBinary(): Promise<string> {
  for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(directory, "docker-registry");
    try {
      await access(path);
      return path;
    } catch {
      // Not in this directory.
    }
  }
  throw new Error("docker-registry is not on the PATH; on Debian: apt-get install docker-registry");
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** The registry's configuration; JSON is YAML. */
function configuration(options: DockerRegistryOptions, host: string, storage: string, htpasswd: string): string {
  const auth = options.auth ?? { kind: "none" };
  const authSection = {
    none: {},
    htpasswd: { auth: { htpasswd: { realm: "test", path: htpasswd } } },
    token: {
      auth: {
        token:
          auth.kind === "token"
            ? { realm: auth.realm, service: auth.service, issuer: auth.issuer, rootcertbundle: `${htpasswd}.pem` }
            : {},
      },
    },
  }[auth.kind];
  const endpoint = {
    name: "test",
    url: options.notifications?.url,
    headers: { Authorization: [options.notifications?.authorization] },
    timeout: "2s",
    threshold: 3,
    backoff: "200ms",
  };
  return JSON.stringify({
    version: 0.1,
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
    http: { addr: host, secret: "test" },
    ...authSection,
    ...(options.notifications === undefined ? {} : { notifications: { endpoints: [endpoint] } }),
  });
}

function authorization(auth: DockerRegistryAuth, repository: string): Record<string, string> {
  if (auth.kind === "token") {
    return { authorization: `Bearer ${auth.tokenFor({ repository, actions: ["pull", "push", "delete"] })}` };
  }
  if (auth.kind === "none") return {};
  const { username, password } = htpasswdAccount;
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` };
}

/** Runs one process, and keeps what it says for the case that it does not start. */
async function launch(binary: string, configPath: string, url: string): Promise<ChildProcess> {
  const child = spawn(binary, ["serve", configPath], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4_096);
  });
  child.on("error", (error) => {
    said += error.message;
  });
  await eventually(
    async () => {
      if (child.exitCode !== null) throw new Error(`docker-registry ended at once: ${said}`);
      const answer = await fetch(`${url}/v2/`);
      await answer.arrayBuffer();
    },
    { withinMs: 15_000 },
  );
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const impatience = setTimeout(() => child.kill("SIGKILL"), STOP_GRACE_MS);
  await exited;
  clearTimeout(impatience);
}

/** A manifest whose layer is no archive. */
async function pushUnusable(writer: RegistryWriter, tag: string, content: string): Promise<string> {
  const blob = (text: string) => writer.pushBlob(Buffer.from(text));
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: {
      mediaType: "application/vnd.docker.container.image.v1+json",
      ...(await blob(JSON.stringify({ architecture: "amd64", os: "linux", created_by: content }))),
    },
    layers: [
      {
        mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
        ...(await blob(`layer of ${content}`)),
      },
    ],
  };
  return writer.pushManifest(tag, MANIFEST_TYPE, Buffer.from(JSON.stringify(manifest)));
}

/** Starts a registry without any repository, and waits until it answers. */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const binary = await findBinary();
  const auth = options.auth ?? { kind: "none" };
  const repository = options.repository ?? "lab/sketchbook";
  const scratch = await mkdtemp(join(tmpdir(), "docker-registry-"));
  const host = `127.0.0.1:${options.port ?? (await freePort())}`;
  const url = `http://${host}`;
  const htpasswd = join(scratch, "htpasswd");
  const configPath = join(scratch, "config.yml");
  await writeFile(htpasswd, HTPASSWD);
  if (auth.kind === "token") await writeFile(`${htpasswd}.pem`, auth.certificatePem);
  await writeFile(configPath, configuration(options, host, options.dir ?? join(scratch, "storage"), htpasswd));
  const writer = createRegistryWriter(`${url}/v2/${repository}`, () => authorization(auth, repository));
  let child: ChildProcess | null = await launch(binary, configPath, url);

  async function stop(): Promise<void> {
    if (child !== null) await end(child);
    child = null;
  }

  return {
    host,
    url,
    repository,
    get credentials() {
      return authorization(auth, repository);
    },
    push: (tag, { content = tag } = {}) => pushUnusable(writer, tag, content),
    delete: (tag) => writer.delete(tag),
    stop,
    async start() {
      child ??= await launch(binary, configPath, url);
    },
    async close() {
      await stop();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}
