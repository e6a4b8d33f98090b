/**
 * `npm run check:words`: words that are not written here, with what is written in their place. It reads src, the names of
 * tests, docs, proto, deploy, README.md and CHANGELOG.md, and fails for each of them.
 */
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

/** What is not written, and what is written in its place. */
interface Rule {
  readonly pattern: RegExp;
  readonly write: string;
}

const RULES: readonly Rule[] = [
  { pattern: /^\s*(?:\/\*\*|\*) Answers\b/, write: "Returns" },
  { pattern: /\b(?:un)?told\b|\btells?\b|\btelling\b/i, write: "reports, notifies, receives, emits" },
  { pattern: /(?<![A-Za-z])(?:tell|told)(?=[A-Z])/, write: "report…, notify…, emit…" },
  { pattern: /\banew\b/i, write: "again" },
  { pattern: /\b(?:any|no) more\b(?! than)/i, write: "no longer" },
  { pattern: /\bso many\b/i, write: "a number or a name" },
  { pattern: /\b(?:is|are|not|be|all) well\b(?!-)/i, write: "ok, failing" },
  { pattern: /\bnonsense/i, write: "unexpectedResponse" },
  { pattern: /\b(?:LONGEST|MOST|LARGEST|SMALLEST|SHORTEST)_/, write: "MAX_, MIN_" },
  { pattern: /\bFIRST_/, write: "INITIAL_" },
  { pattern: /\balongside\b/, write: "mergeCursor" },
  { pattern: /\breigns?\b|\bcampaign/i, write: "term, acquire, renew, release" },
  { pattern: /\bgatherMs\b|\bSETTLING_TIME\b/, write: "debounceMs" },
  { pattern: /\bdistrust/i, write: "invalidate" },
  { pattern: /\bFarewell\b|\bleaveOrphans\b/, write: "detachOrphans" },
  { pattern: /\bbareSince\b|\bPATIENCE\b/, write: "joinedEmptyAt, STARVATION_INTERVAL" },
  { pattern: /\brepels\b/, write: "isHardTaint" },
  { pattern: /\bNewsDesk\b|\boperator-news\b|\bprepull(?:er)?-news\b/, write: "observers, events" },
  { pattern: /\bisNameOnly\b/, write: "isAliasLike" },
  { pattern: /\bSTANDS FOR\b/, write: "ALIAS OF" },
  { pattern: /this is a defect|gave? the lease up|given up the lease/, write: "crashed, restarting (bug); released" },
];

/** Lines in which such a word is the right one, as beginnings of `path: text`, each with its reason. */
const EXCEPTIONS: ReadonlyMap<string, string> = new Map([
  [
    "src/domain/sets/evaluate-rule.ts: return `so many versions share digests",
    "a comparison: so many that fewer are found",
  ],
]);

const FILES = [
  "src/**/*.ts",
  "bin/*.js",
  "test/**/*.ts",
  "docs/**/*.md",
  "proto/**/*.proto",
  "deploy/**/*",
  "README.md",
  "CHANGELOG.md",
  "ARCHITECTURE.md",
  "config.example.yaml",
];

/** One place where a word stands that is not written here. */
interface Finding {
  readonly path: string;
  readonly line: number;
  readonly text: string;
  readonly write: string;
}

async function findWords(): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  for await (const path of glob(FILES, { cwd: ROOT, exclude: ["src/grpc/gen/**"] })) {
    if (!/\.[a-z]+$/.test(path) || path === "docs/glossary.md" || path === "test/architecture/words.ts") continue;
    const lines = (await readFile(join(ROOT, path), "utf8")).split("\n");
    for (const [at, text] of lines.entries()) {
      if (path.startsWith("test/") && !/^\s*(?:test|it|describe)\("/.test(text)) continue;
      for (const { pattern, write } of RULES) {
        if (pattern.test(text)) found.push({ path, line: at + 1, text: text.trim(), write });
      }
    }
  }
  return found;
}

const found = await findWords();
const isAllowed = ({ path, text }: Finding) =>
  [...EXCEPTIONS.keys()].some((line) => `${path}: ${text}`.startsWith(line));
const wrong = found.filter((finding) => !isAllowed(finding));
for (const { path, line, text, write } of wrong)
  process.stdout.write(`${path}:${line}: ${text}\n    write: ${write}\n`);
process.exitCode = wrong.length === 0 ? 0 : 1;
