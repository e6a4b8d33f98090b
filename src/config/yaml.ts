import { type Document, isScalar, LineCounter, parseDocument, visit } from "yaml";
import { ConfigError } from "./config-error.ts";

/** A configuration is a few kilobytes. At worst the parser takes half a second for these. */
export const MAX_YAML_BYTES = 131_072;
/** One missing bracket makes the parser report many faults; the first ones are enough. */
const MAX_FAULTS = 10;
const TOO_DEEP = "no YAML that can be read: it is nested too deeply";

/**
 * The one mapping that a YAML 1.2 file holds, as plain data. Refused with their place in the text: broken YAML, keys
 * given twice, keys that are no text, several documents, tags that nobody knows, and aliases, which a configuration does
 * not need and which can make a small file huge. Error: ConfigError.
 */
export function parseYaml(text: string): Readonly<Record<string, unknown>> {
  if (Buffer.byteLength(text) > MAX_YAML_BYTES) throw problem("the file is larger than 128 KiB");
  const value = read(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw problem("expected a mapping of keys to values, such as `images: {...}`");
  }
  return Object.fromEntries(Object.entries(value));
}

function read(text: string): unknown {
  try {
    return parseOnlyDocument(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    // What reads a document recurses: only nesting that no configuration has gets here.
    throw problem(TOO_DEEP);
  }
}

function parseOnlyDocument(text: string): unknown {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    version: "1.2",
    schema: "core",
    stringKeys: true,
    // The parser's own check compares each key with all that stand before it.
    uniqueKeys: false,
    prettyErrors: false,
    lineCounter,
  });
  const faults = [...document.errors, ...document.warnings].map(({ pos, code }) => ({
    offset: pos[0],
    fault: describeFault(code),
  }));
  const problems = [...faults, ...findForbidden(document)].map(({ offset, fault }) => {
    const { line, col } = lineCounter.linePos(offset);
    return fileProblem(`line ${line}, column ${col}: ${fault}`);
  });
  if (problems.length > 0) throw new ConfigError(problems.slice(0, MAX_FAULTS));
  return document.toJS({ maxAliasCount: 0 });
}

interface Fault {
  readonly offset: number;
  readonly fault: string;
}

/** Aliases, keys given twice, and the one key that plain objects cannot hold. */
function findForbidden(document: Document): readonly Fault[] {
  const found: Fault[] = [];
  visit(document, {
    Alias(_key, node) {
      found.push({ offset: node.range?.[0] ?? 0, fault: "aliases (*name) are not allowed: write the value out" });
    },
    Map(_key, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        const offset = key.range?.[0] ?? 0;
        if (seen.has(key.value)) found.push({ offset, fault: "this key is given twice" });
        if (key.value === "__proto__") found.push({ offset, fault: "the key __proto__ is not allowed" });
        seen.add(key.value);
      }
    },
  });
  return found;
}

/** The parser's own words quote the text, which may hold a secret. */
function describeFault(code: string): string {
  if (code === "MULTIPLE_DOCS") return "expected one YAML document, found several";
  if (code === "RESOURCE_EXHAUSTION") return TOO_DEEP;
  if (code === "NON_STRING_KEY") return "a key must be plain text";
  if (code === "TAG_RESOLVE_FAILED") return "this tag (!name) is not known";
  return `no valid YAML (${code.toLowerCase().replaceAll("_", " ")})`;
}

function fileProblem(message: string) {
  return { path: "", message };
}

function problem(message: string): ConfigError {
  return new ConfigError([fileProblem(message)]);
}
