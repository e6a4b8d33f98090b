/**
 * Who may import whom, as allow-lists. Biome enforces it: `npm run import-rules` writes the overrides of biome.json from
 * this table, and a test compares the two.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");
export const BIOME_CONFIG: string = join(ROOT, "biome.json");

/** What one folder below src may import besides itself and Node's own modules. */
type Rule = {
  /** Folders and files below src. */
  readonly from: readonly string[];
  readonly packages?: readonly string[];
  /** False where Node's own modules are out of bounds too: what is pure reads no file, no clock and no socket. */
  readonly node?: false;
};

/** Folders of src from the bottom up: each imports only what stands above it here. */
const RULES: Readonly<Record<string, Rule>> = {
  lib: { from: [], packages: ["undici", "undici/**"] },
  domain: { from: [], node: false },
  machines: { from: ["lib", "domain", "ports.ts"], packages: ["xstate"], node: false },
  service: { from: ["lib", "domain", "ports.ts", "machines"], packages: ["xstate"] },
  telemetry: { from: ["lib", "domain", "ports.ts"], packages: ["pino", "pino-pretty", "prom-client"] },
  registry: {
    from: ["lib", "domain", "ports.ts", "telemetry"],
    packages: ["undici", "@google-cloud/artifact-registry", "@grpc/grpc-js", "gcp-metadata"],
  },
  kubernetes: {
    from: ["lib", "domain", "ports.ts", "telemetry"],
    packages: ["undici", "yaml", "@kubernetes/client-node", "@kubernetes/client-node/**"],
  },
  access: { from: ["lib", "domain", "ports.ts"] },
  grpc: {
    from: ["lib", "domain", "ports.ts", "access"],
    packages: ["@grpc/grpc-js", "@grpc/proto-loader", "@grpc/reflection", "protobufjs", "protobufjs/**"],
  },
  http: { from: ["lib", "domain", "ports.ts", "access"] },
  config: { from: ["lib", "domain"], packages: ["re2js", "yaml", "zod"] },
  simulation: { from: ["lib", "domain"] },
  cli: { from: ["lib", "domain", "grpc"], packages: ["@grpc/grpc-js"] },
  app: {
    from: [
      "lib",
      "domain",
      "ports.ts",
      "machines",
      "service",
      "telemetry",
      "registry",
      "kubernetes",
      "access",
      "grpc",
      "http",
      "config",
      "simulation",
    ],
    packages: ["yaml"],
  },
};

/** The overrides of biome.json that hold the table, in its order. */
export async function importOverrides(): Promise<object[]> {
  const overrides: object[] = [
    override("src/ports.ts", ["!./domain/**"], "src/ports.ts imports src/domain and nothing else."),
  ];
  for (const [area, rule] of Object.entries(RULES)) {
    const parts = await subfolders(area);
    const names = rule.from.length === 0 ? "nothing" : `nothing but ${rule.from.join(", ")}`;
    const message = `src/${area} imports ${names} and the packages that test/architecture/import-rules.ts lists.`;
    const packages = [
      ...(rule.node === false ? [] : ["!node:*", "!node:*/*"]),
      ...(rule.packages ?? []).map((name) => `!${name}`),
    ];
    const others = (up: string) => rule.from.map((name) => `!${up}${name}${name.endsWith(".ts") ? "" : "/**"}`);
    overrides.push(override(`src/${area}/*.ts`, ["!./**", ...others("../"), ...packages], message));
    if (parts.length > 0) {
      const own = ["!./*.ts", "!../*.ts", ...parts.map((part) => `!../${part}/**`)];
      overrides.push(override(`src/${area}/*/*.ts`, [...own, ...others("../../"), ...packages], message));
    }
  }
  return overrides;
}

async function subfolders(area: string): Promise<string[]> {
  const entries = await readdir(join(ROOT, "src", area), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

function override(files: string, allowed: readonly string[], message: string): object {
  const patterns = [{ group: ["**", ...allowed], message }];
  const noRestrictedImports = { level: "error", options: { patterns } };
  return { includes: [files], linter: { rules: { style: { noRestrictedImports } } } };
}

/** Whether an override of biome.json is one of those that this table makes. */
export function isImportOverride(value: object): boolean {
  return JSON.stringify(value).includes("noRestrictedImports");
}

if (import.meta.main) {
  const config = JSON.parse(await readFile(BIOME_CONFIG, "utf8"));
  const kept = config.overrides.filter((each: object) => !isImportOverride(each));
  await writeFile(
    BIOME_CONFIG,
    JSON.stringify({ ...config, overrides: [...(await importOverrides()), ...kept] }, null, 2),
  );
}
