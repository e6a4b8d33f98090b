import { type Document, isScalar, LineCounter, parseAllDocuments, visit } from "yaml";
import { ConfigError } from "./config-error.ts";

/** Characters; a configuration is a few kilobytes. */
const LONGEST_TEXT = 1_048_576;
/** One missing bracket makes the parser find many faults; the first ones tell. */
const MOST_FAULTS = 10;

/**
 * The one mapping that a YAML 1.2 file holds, as plain data. Refused with their place in the text: broken YAML, keys
 * given twice, keys that are no text, several documents, tags that nobody knows, and aliases, which a configuration does
 * not need and which can make a small file huge. Error: ConfigError.
 */
export function parseYaml(text: string): Readonly<Record<string, unknown>> {
  if (text.length > LONGEST_TEXT) throw problem("the file is larger than 1 MiB");
  const value = parseOnlyDocument(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw problem("expected a mapping of keys to values, such as `images: {...}`");
  }
  return Object.fromEntries(Object.entries(value));
}

function parseOnlyDocument(text: string): unknown {
  const lineCounter = new LineCounter();
  let documents: readonly Document[];
  try {
    documents = parseAllDocuments(text, {
      version: "1.2",
      schema: "core",
      stringKeys: true,
      prettyErrors: false,
      logLevel: "silent",
      lineCounter,
    });
  } catch {
    // The parser recurses: only nesting that no configuration has gets here.
    throw problem("the file is no YAML that can be read: it is nested too deeply");
  }
  const [document, second] = documents;
  if (document === undefined) return null;
  const place = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    return `line ${line}, column ${col}`;
  };
  const faults = [...document.errors, ...document.warnings].map((fault) =>
    fileProblem(`${place(fault.pos[0])}: ${describeFault(fault.code)}`),
  );
  if (second !== undefined) faults.push(fileProblem("expected one YAML document, found several"));
  for (const { offset, fault } of findForbidden(document)) faults.push(fileProblem(`${place(offset)}: ${fault}`));
  if (faults.length > 0) throw new ConfigError(faults.slice(0, MOST_FAULTS));
  return document.toJS({ maxAliasCount: 0 });
}

/** Aliases, and the one key that plain objects cannot hold. */
function findForbidden(document: Document): readonly { readonly offset: number; readonly fault: string }[] {
  const found: { offset: number; fault: string }[] = [];
  visit(document, {
    Alias(_key, node) {
      found.push({ offset: node.range?.[0] ?? 0, fault: "aliases (*name) are not allowed: write the value out" });
    },
    Pair(_key, { key }) {
      if (!isScalar(key) || key.value !== "__proto__") return;
      found.push({ offset: key.range?.[0] ?? 0, fault: "the key __proto__ is not allowed" });
    },
  });
  return found;
}

/** The parser's own words quote the text, which may hold a secret. */
function describeFault(code: string): string {
  if (code === "DUPLICATE_KEY") return "this key is given twice";
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
