import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { inspect } from "node:util";
import { RegistryDeniedError, type RegistryUnavailableError } from "../../src/domain/errors.ts";
import type { DockerSourceOptions } from "../../src/registry/oci/docker-source.ts";
import type { OciRegistryOptions } from "../../src/simulation/registry/oci-registry.ts";
import { recordLog } from "./log-recorder.ts";
import { registryWith, sourceFor, unhurried } from "./source-under-test.ts";

const PASSWORD = "canary-password";
export const IDENTITY = "canary-identity-token";
export const account = { username: "robot", password: PASSWORD };
/** Every form in which the secrets could turn up. */
const canaries = [
  PASSWORD,
  IDENTITY,
  Buffer.from(`robot:${PASSWORD}`).toString("base64"),
  Buffer.from(PASSWORD).toString("base64").replace(/=+$/, ""),
  encodeURIComponent(IDENTITY),
];

/** A credentials file with one entry, removed after the test. */
export async function credentialsFile(context: TestContext, host: string, entry: object): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "credentials-"));
  context.after(() => rm(directory, { recursive: true }));
  const path = join(directory, "config.json");
  await writeFile(path, JSON.stringify({ auths: { [host]: entry } }));
  return path;
}

interface SecretSetting {
  readonly auth: NonNullable<OciRegistryOptions["auth"]>;
  readonly credentials?: object;
  readonly registryOptions?: OciRegistryOptions;
  readonly source?: Partial<DockerSourceOptions>;
}

/** A registry with authentication, and a source whose log and errors are searched for secrets at the end. */
export async function sourceWithSecrets(context: TestContext, setting: SecretSetting) {
  const registry = await registryWith(context, ["a", "b"], { auth: setting.auth, ...setting.registryOptions });
  const log = recordLog();
  const credentialsPath =
    setting.credentials === undefined ? undefined : await credentialsFile(context, registry.host, setting.credentials);
  const source = sourceFor(context, { registry: registry.host, credentialsPath, logger: log, ...setting.source });
  const told: string[] = [];
  const failure = async (kind: typeof RegistryDeniedError | typeof RegistryUnavailableError, pattern: RegExp) => {
    await assert.rejects(source.listTags(unhurried), (error) => {
      assert.ok(error instanceof kind, String(error));
      assert.match(error.message, pattern);
      told.push(inspect(error, { depth: 10, showHidden: true }));
      return true;
    });
  };
  context.after(() => {
    for (const canary of canaries) {
      assert.equal([...log.lines, ...told].join("\n").includes(canary), false, "a secret in a log or an error");
    }
  });
  const list = async () => (await source.listTags(unhurried)).map(({ tag }) => tag);
  const paths = () => registry.requests.map(({ path, status }) => `${path.split("?", 1)[0]} ${status}`);
  return {
    registry,
    source,
    list,
    failure,
    denied: (pattern: RegExp) => failure(RegistryDeniedError, pattern),
    paths,
    log,
    credentialsPath,
  };
}
