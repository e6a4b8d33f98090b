import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { ConfigError } from "../../src/config/config-error.ts";
import { parseConfig } from "../../src/config/load.ts";
import { configSchema } from "../../src/config/schema.ts";
import { servedConfig } from "../../src/config/served-config.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const EXAMPLE = join(ROOT, "config.example.yaml");
const SETS_EXAMPLE = join(ROOT, "config.sets.example.yaml");

type Path = readonly (string | number)[];

/** Keys of features that this version refuses; the example does not show them. */
const NOT_YET = ["alerts", "alerts.slackWebhookFile"];

/** Every key of the schema, as `images.source.type`. */
function keysOfSchema(): ReadonlySet<string> {
  const keys = new Set<string>();
  const visit = (schema: unknown, path: string) => {
    if (typeof schema !== "object" || schema === null) return;
    if ("properties" in schema && typeof schema.properties === "object" && schema.properties !== null) {
      for (const [key, value] of Object.entries(schema.properties)) {
        const below = path === "" ? key : `${path}.${key}`;
        keys.add(below);
        visit(value, below);
      }
    }
    for (const part of ["anyOf", "oneOf"]) {
      const choices: unknown = Reflect.get(schema, part);
      if (Array.isArray(choices)) for (const choice of choices) visit(choice, path);
    }
    if ("items" in schema) visit(schema.items, path);
  };
  visit(z.toJSONSchema(configSchema, { io: "input", unrepresentable: "any", target: "draft-2020-12" }), "");
  return keys;
}

/** The example with the keys that it shows in comments, and with its other source where `source` says so. */
function uncommented(text: string, source: "docker" | "google"): string {
  const lines = text.split("\n");
  const other = lines.indexOf("  # source:");
  const keep = lines.filter((_, index) => other < 0 || source === "google" || index < other || index > other + 6);
  const dropped = keep.filter((line) => source === "docker" || !isDockerSource(line));
  return dropped.map((line) => line.replace(/^(\s*)# (\s*(?:- )?[A-Za-z]+:)(?=\s|$)/, "$1$2")).join("\n");
}

function isDockerSource(line: string): boolean {
  return /^ {2}source:$|^ {4}(?:type: docker|registry|insecure|tokenHosts|# (?:ca|cert|key)File|repository: library\/)/.test(
    line,
  );
}

test("the example is valid, as it is and with everything that stands in comments", async () => {
  const text = await readFile(EXAMPLE, "utf8");
  assert.equal(servedConfig(parseConfig(text)).images.source.type, "docker");
  assert.equal(servedConfig(parseConfig(uncommented(text, "docker"))).images.cycle, 45);
  assert.equal(servedConfig(parseConfig(uncommented(text, "google"))).images.source.type, "google");
});

test("the example of sources and sets is valid, as it is and with everything that stands in comments", async () => {
  const text = await readFile(SETS_EXAMPLE, "utf8");
  assert.deepEqual(
    parseConfig(text).sources.map(({ source }) => source.scheme.name),
    ["calver", "regex", "semver", "opaque", "rubin"],
  );
  assert.equal(parseConfig(uncommented(text, "docker")).sources[0]?.access.credentialsPath?.includes("quay"), true);
});

test("the examples show every key of the schema that this version has", async () => {
  const text = await readFile(EXAMPLE, "utf8");
  const shown = new Set<string>();
  const visit = (value: unknown, path: string) => {
    if (typeof value !== "object" || value === null) return;
    if (Array.isArray(value)) for (const entry of value) visit(entry, path);
    else
      for (const [key, below] of Object.entries(value)) {
        const name = path === "" ? key : `${path}.${key}`;
        shown.add(name);
        visit(below, name);
      }
  };
  visit(parse(uncommented(text, "docker")), "");
  visit(parse(uncommented(text, "google")), "");
  visit(parse(uncommented(await readFile(SETS_EXAMPLE, "utf8"), "docker")), "");
  const wanted = [...keysOfSchema()].filter((key) => !NOT_YET.includes(key));
  // Each kind of limit is shown once, for one type or another; expressions are shown for a set.
  const missing = wanted.filter((key) => !shown.has(key) && !/^dropdownMenu\.\w+\.|^nodeExpressions\./.test(key));
  assert.deepEqual(missing, []);
  const limits = new Set([...shown].map((key) => /^dropdownMenu\.\w+\.(\w+)$/.exec(key)?.[1]));
  for (const limit of ["number", "age", "cutoffBuild", "cutoffDate", "cutoffVersion"])
    assert.ok(limits.has(limit), limit);
  assert.ok(wanted.length > 50);
});

test("the values that the example calls defaults are", async () => {
  const text = await readFile(EXAMPLE, "utf8");
  const { dropdown: _dropdown, tolerations: _tolerations, sets: _sets, ...shown } = parseConfig(text);
  const least = "images: {source: {type: docker, registry: registry.example.org, repository: library/sketchbook}}";
  const { dropdown: _noDropdown, tolerations: _none, sets: _set, ...defaults } = parseConfig(least);
  assert.deepEqual(shown, defaults);
});

/** A configuration with a value for every key. */
async function complete(): Promise<Record<string, unknown>> {
  const text = uncommented(await readFile(EXAMPLE, "utf8"), "docker");
  const sets = uncommented(await readFile(SETS_EXAMPLE, "utf8"), "docker");
  const filter = () => ({ number: 1, age: "1d", cutoffBuild: 1, cutoffDate: "2077-01-01", cutoffVersion: "1.0.0" });
  return {
    ...Object.fromEntries([...Object.entries(parse(text)), ...Object.entries(parse(sets))]),
    dropdownMenu: {
      release: filter(),
      weekly: filter(),
      daily: filter(),
      releaseCandidate: filter(),
      experimental: filter(),
    },
    nodeSelector: { "example.org/labs": "true" },
  };
}

function pathsOf(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const below = Object.entries(value).flatMap(([key, child]) =>
    pathsOf(child, [...path, Array.isArray(value) ? Number(key) : key]),
  );
  return path.length === 0 ? below : [path, ...below];
}

function withValue(data: object, path: Path, value: unknown): object {
  const copy = structuredClone(data);
  let place: object = copy;
  for (const part of path.slice(0, -1)) {
    const next: unknown = Reflect.get(place, part);
    assert.ok(typeof next === "object" && next !== null);
    place = next;
  }
  Reflect.set(place, path.at(-1) ?? "", value);
  return copy;
}

function written(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    const key = /^[\w-]+$/.test(part) ? part : JSON.stringify(part);
    return text === "" ? key : `${text}.${key}`;
  }, "");
}

function problemPaths(data: object): readonly string[] {
  try {
    parseConfig(stringify(data));
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map(({ path }) => path);
  }
  return [];
}

test("any single key with a value of the wrong kind is refused by its path (faults.md P2)", async () => {
  const data = await complete();
  assert.deepEqual(problemPaths(data), []);
  // An array of a mapping is right for no key; nor is a text that no grammar of a value has.
  const wrong = fc.constantFrom<unknown>([{ a: 1 }], "\u0007");
  const anywhere = fc.constantFrom(...pathsOf(data).filter((path) => !acceptsAnyText(path) && !isNameOfSource(path)));
  fc.assert(
    fc.property(anywhere, wrong, (path, value) => {
      const paths = problemPaths(withValue(data, path, value));
      // A discriminated source that is no source any more is refused at its discriminator.
      assert.ok(paths.length >= 1);
      for (const told of paths) assert.ok(told.startsWith(written(path)), `${told} for ${written(path)}`);
    }),
    { numRuns: 500 },
  );
});

/** What takes the name of a source away: rules that name it are wrong then, too. */
function isNameOfSource(path: Path): boolean {
  return path[0] === "sources" && (path.length < 3 || path[2] === "name");
}

/** Mappings whose keys are an operator's own. */
function hasOwnKeys(path: Path): boolean {
  return /^nodeSelector|^prepuller,pod,(?:labels|annotations)\b|^sets,\d+,nodes,selector/.test(String(path));
}

function acceptsAnyText(path: Path): boolean {
  return hasOwnKeys(path) || ["key", "value"].includes(String(path.at(-1))) || path.at(-2) === "values";
}

test("any single key that nobody knows is refused by its path (faults.md P2)", async () => {
  const data = await complete();
  const mappings = pathsOf(data).filter((path) => isMapping(data, path) && !hasOwnKeys(path));
  const name = fc.stringMatching(/^[a-z]{1,8}Q$/);
  fc.assert(
    fc.property(
      fc.constantFrom<Path>([], ...mappings),
      name,
      fc.constantFrom<unknown>(null, true, 1, "text", ["entry"], { a: 1 }),
      (path, key, value) => {
        assert.deepEqual(problemPaths(withValue(data, [...path, key], value)), [written([...path, key])]);
      },
    ),
    { numRuns: 200 },
  );
});

function isMapping(data: object, path: Path): boolean {
  let value: unknown = data;
  for (const part of path) value = typeof value === "object" && value !== null ? Reflect.get(value, part) : undefined;
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

test("numbers out of range are refused by their path", async () => {
  const data = await complete();
  const numbers = pathsOf(data).filter((path) => typeof leaf(data, path) === "number");
  assert.ok(numbers.length > 10);
  for (const path of numbers) {
    for (const value of [1e300, Number.NaN, 1.5, Number.NEGATIVE_INFINITY, "1"]) {
      assert.deepEqual(problemPaths(withValue(data, path, value)), [written(path)], `${written(path)} = ${value}`);
    }
  }
});

function leaf(data: object, path: Path): unknown {
  return path.reduce<unknown>(
    (value, part) => (typeof value === "object" && value !== null ? Reflect.get(value, part) : undefined),
    data,
  );
}
