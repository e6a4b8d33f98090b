import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { stringify } from "yaml";

const PROGRAM = join(import.meta.dirname, "../../bin/lab-images.js");
/** Makes the program believe that it runs on an older Node: whether one is installed depends on the machine. */
const OLD_NODE = `data:text/javascript,${encodeURIComponent(
  'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.20.2" } });',
)}`;

interface Outcome {
  readonly status: unknown;
  readonly output: string;
  readonly complaints: string;
}

async function runNode(...parameters: readonly string[]): Promise<Outcome> {
  const child = spawn(process.execPath, parameters, { stdio: ["ignore", "pipe", "pipe"] });
  const [output, complaints, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  return { status, output, complaints };
}

function run(...parameters: readonly string[]): Promise<Outcome> {
  return runNode(PROGRAM, ...parameters);
}

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "lab-images-cli-"));
});
after(() => rm(folder, { recursive: true, force: true }));

const SOURCE = { type: "docker", registry: "127.0.0.1:1", repository: "lab/sketchbook" };

let files = 0;
async function configFile(content: Readonly<Record<string, unknown>> | string): Promise<string> {
  files += 1;
  const file = join(folder, `config-${files}.yaml`);
  await writeFile(file, typeof content === "string" ? content : stringify(content));
  return file;
}

describe("the command line", { concurrency: 2 }, () => {
  test("serve refuses to start without a configuration: exit status 2", async () => {
    const { status, complaints } = await run("serve");
    assert.equal(status, 2);
    assert.match(complaints, /serve needs a configuration: --config FILE/);
  });

  test("a file that is not there, or is no YAML, is refused: exit status 2", async () => {
    const missing = await run("serve", "--config", join(folder, "nowhere.yaml"));
    assert.equal(missing.status, 2);
    assert.match(missing.complaints, /nowhere\.yaml cannot be read \(ENOENT\)/);
    const broken = await run("serve", "--config", await configFile("images: [\n"));
    assert.equal(broken.status, 2);
    assert.equal(broken.output, "");
  });

  for (const command of ["check-config", "serve --config"]) {
    test(`${command} names each key that is wrong, and what was expected: exit status 2`, async () => {
      const images = { source: { ...SOURCE, registry: "https://registry.example.org" }, numWeeklies: "many" };
      const file = await configFile({ images, extra: 1 });
      const { status, complaints } = await run(...command.split(" "), file);
      assert.equal(status, 2);
      assert.match(complaints, /images\.source\.registry: expected a host/);
      assert.match(complaints, /images\.numWeeklies: expected a whole number .*, found "many"/);
      assert.match(complaints, /extra: .*found an unknown key/);
    });
  }

  test("check-config says that a configuration is valid: exit status 0", async () => {
    const { status, output } = await run("check-config", await configFile({ images: { source: SOURCE } }));
    assert.equal(status, 0);
    assert.match(output, /the configuration is valid/);
    assert.doesNotMatch(output, /hint/);
  });

  test("check-config --print writes the long form, which the service takes too: exit status 0", async () => {
    const printed = await run("check-config", "--print", await configFile({ images: { source: SOURCE } }));
    assert.equal(printed.status, 0);
    assert.match(printed.output, /^sources:\n {2}- name: default\n/);
    const again = await configFile(printed.output);
    assert.equal((await run("check-config", "--print", again)).output, printed.output);
    assert.match((await run("check-config", again)).output, /the configuration is valid/);
  });

  test("import-nublado prints a configuration of ours, and what has no counterpart on standard error: exit status 0", async () => {
    const nublado = { images: { source: SOURCE }, lab: { env: { API_KEY: "confidential" } } };
    const { status, output, complaints } = await run("import-nublado", await configFile(nublado));
    assert.equal(status, 0);
    assert.match(complaints, /^lab\.env: has no counterpart$/m);
    assert.doesNotMatch(complaints, /confidential/);
    assert.match((await run("check-config", await configFile(output))).output, /the configuration is valid/);
    assert.equal((await run("import-nublado", await configFile({ lab: {} }))).status, 2);
  });

  test("F45: check-config hints at what could be had better: exit status 0", async () => {
    const source = { ...SOURCE, registry: "us-central1-docker.pkg.dev" };
    const { status, output } = await run("check-config", await configFile({ images: { source } }));
    assert.equal(status, 0);
    assert.match(output, /the configuration is valid\n {2}hint: images\.source\.type: .* the type google /);
  });

  test("check-config --connect: status 3 where something is missing, 2 where the file is not valid", async () => {
    const missing = await run("check-config", "--connect", await configFile({ images: { source: SOURCE } }));
    assert.equal(missing.status, 3);
    assert.match(missing.output, /^.*: the configuration is valid\n {2}missing {2}images\.source: 127\.0\.0\.1:1 .*\n/);
    assert.equal((await run("check-config", "--connect", await configFile({ images: {} }))).status, 2);
  });

  test("plaintext beyond loopback is refused: exit status 2", async () => {
    const grpc = { listen: "0.0.0.0:0" };
    const { status, complaints } = await run(
      "serve",
      "--config",
      await configFile({ images: { source: SOURCE }, grpc }),
    );
    assert.equal(status, 2);
    assert.match(complaints, /grpc\.listen: .*beyond loopback.*TLS.*grpc\.insecure/);
  });

  test("an unknown command or option is refused with the usage: exit status 2", async () => {
    for (const parameters of [["frobnicate"], ["demo", "--colour"]]) {
      const { status, complaints } = await run(...parameters);
      assert.equal(status, 2);
      assert.match(complaints, /Usage: lab-images COMMAND/);
    }
  });

  for (const which of ["grpc", "http"]) {
    test(`a port of ${which} that is taken is told by its key: exit status 1`, async () => {
      const holder = createServer().listen(0, "127.0.0.1");
      await once(holder, "listening");
      const { port } = holder.address() as AddressInfo;
      const listen = { grpc: { listen: "127.0.0.1:0" }, http: { listen: "127.0.0.1:0" } };
      const taken = { [which]: { listen: `127.0.0.1:${port}` } };
      try {
        const file = await configFile({ images: { source: SOURCE }, ...listen, ...taken });
        const { status, output } = await run("serve", "--config", file);
        assert.equal(status, 1);
        assert.match(output, new RegExp(`${which}\\.listen: .*127\\.0\\.0\\.1:${port}`));
        assert.match(output, /EADDRINUSE|in use/);
      } finally {
        holder.close();
        await once(holder, "close");
      }
    });
  }

  test("F41: gRPC's port is taken while HTTP still looks its address up: one line, exit status 1", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as AddressInfo;
    const listen = { grpc: { listen: `127.0.0.1:${port}` }, http: { listen: "localhost:0" } };
    const { status, output, complaints } = await run(
      "serve",
      "--config",
      await configFile({ images: { source: SOURCE }, ...listen }),
    );
    holder.close();
    assert.equal(status, 1);
    assert.equal(complaints, "");
    const lines: { readonly msg: string; readonly err?: unknown }[] = output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ msg, err }) => [msg, err]),
      [[`cannot start: grpc.listen: cannot listen on 127.0.0.1:${port}: EADDRINUSE`, undefined]],
    );
  });

  for (const [name, keys, said] of [
    [
      "a kubeconfig that is not there",
      { kubernetes: { kubeconfig: "/nonexistent/kubeconfig" } },
      /kubernetes\.kubeconfig: ENOENT.*/,
    ],
    [
      "a namespace that nothing tells",
      { prepuller: { enabled: true } },
      /prepuller\.namespace: cannot find our namespace: .*/,
    ],
  ] as const) {
    test(`L5: ${name} is told in one line: exit status 1`, async () => {
      const listen = { grpc: { listen: "127.0.0.1:0" }, http: { listen: "127.0.0.1:0" } };
      const { status, output } = await run(
        "serve",
        "--config",
        await configFile({ images: { source: SOURCE }, ...listen, ...keys }),
      );
      assert.equal(status, 1);
      assert.match(output, /^[^\n]+\n$/);
      assert.match(output, new RegExp(`"msg":"cannot start: ${said.source}"`));
    });
  }

  test("L5: a KUBECONFIG of which no file exists is named: exit status 1", async () => {
    const environment = 'data:text/javascript,process.env.KUBECONFIG="/nonexistent/a:/nonexistent/b"';
    const config = await configFile({ images: { source: SOURCE } });
    const { status, output } = await runNode("--import", environment, PROGRAM, "serve", "--config", config);
    assert.equal(status, 1);
    assert.match(output, /^[^\n]*"msg":"cannot start: KUBECONFIG: ENOENT[^\n]*\/nonexistent\/a[^\n]*\n$/);
  });

  test("a Node that is too old learns which one is needed: exit status 2", async () => {
    const { status, complaints } = await runNode("--import", OLD_NODE, PROGRAM, "serve");
    assert.equal(status, 2);
    assert.match(complaints, /lab-images needs Node 24 or newer, and this is 20\.20\.2/);
  });
});
