/** One challenge of a `WWW-Authenticate` header (RFC 9110, section 11.6.1). */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  /**
   * Names in lower case. Where one is given twice the first counts, but scopes are joined by a space: that is how one
   * parameter names several.
   */
  readonly parameters: ReadonlyMap<string, string>;
}

const tokenPattern = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const token68Pattern = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;
const spacePattern = /[ \t]*/y;
/** Commas part parameters; some servers send semicolons or white space alone. */
const separatorPattern = /[ \t,;]*/y;
/** A scheme stands alone, or white space parts it from its parameters. */
const afterSchemePattern = /[ \t]+|(?=,)|$/y;
const quotedPattern = /"((?:[^"\\]|\\.)*)"/sy;
/** URLs and scopes are not tokens and have to be quoted; some servers do not, or use apostrophes. */
const unquotedPattern = /[^\s,;"]+/y;
const furtherActionsPattern = /(?:,(?:push|delete|\*)(?=[\s,;]|$))*/y;

interface Scanner {
  /** What the sticky pattern matches here, having moved past it; null, without moving, where it does not match. */
  take(pattern: RegExp): RegExpExecArray | null;
  readonly position: number;
  moveTo(position: number): void;
}

function scan(text: string): Scanner {
  let position = 0;
  return {
    take(pattern) {
      pattern.lastIndex = position;
      const match = pattern.exec(text);
      if (match !== null) position += match[0].length;
      return match;
    },
    get position() {
      return position;
    },
    moveTo(next) {
      position = next;
    },
  };
}

/** `name=value` or `name="value"`, white space around `=` or not; null, without moving, where there is none. */
function takeParameter(scanner: Scanner): [string, string] | null {
  const start = scanner.position;
  const name = scanner.take(tokenPattern)?.[0];
  scanner.take(spacePattern);
  if (name !== undefined && scanner.take(/=/y) !== null) {
    scanner.take(spacePattern);
    const quoted = scanner.take(quotedPattern)?.[1];
    if (quoted !== undefined) return [name.toLowerCase(), quoted.replace(/\\(.)/gs, "$1")];
    const plain = scanner.take(unquotedPattern)?.[0];
    // `scope=repository:lab:pull,push` without quotes.
    const actions = name.toLowerCase() === "scope" ? (scanner.take(furtherActionsPattern)?.[0] ?? "") : "";
    if (plain !== undefined) return [name.toLowerCase(), plain.replace(/^'(.*)'$/, "$1") + actions];
  }
  scanner.moveTo(start);
  return null;
}

function add(parameters: Map<string, string>, [name, value]: [string, string]): void {
  const before = parameters.get(name);
  if (before === undefined) parameters.set(name, value);
  else if (name === "scope") parameters.set(name, `${before} ${value}`);
}

/** Steps over a `token68`, which no scheme that is used here has. `a=` can be both; it is a parameter if it reads as one. */
function skipToken68(scanner: Scanner): void {
  scanner.take(spacePattern);
  const start = scanner.position;
  const isParameter = takeParameter(scanner) !== null;
  scanner.moveTo(start);
  if (!isParameter) scanner.take(token68Pattern);
}

function parseHeader(header: string): readonly Challenge[] {
  const scanner = scan(header);
  const challenges: { readonly scheme: string; readonly parameters: Map<string, string> }[] = [];
  for (;;) {
    scanner.take(separatorPattern);
    const last = challenges.at(-1);
    const parameter = last === undefined ? null : takeParameter(scanner);
    if (last !== undefined && parameter !== null) {
      add(last.parameters, parameter);
      continue;
    }
    const scheme = scanner.take(tokenPattern)?.[0];
    const after = scanner.take(afterSchemePattern)?.[0];
    if (scheme === undefined || after === undefined) return challenges;
    if (after !== "") skipToken68(scanner);
    challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() });
  }
}

/**
 * All challenges of an answer, in order, from the values of all its `WWW-Authenticate` headers. Commas part challenges
 * as well as parameters, and stand inside quoted values, which is what a split at commas gets wrong. Text that cannot be
 * read ends the parse of its header: what came before it, and the other headers, count.
 */
export function parseChallenges(headers: readonly string[]): readonly Challenge[] {
  return headers.flatMap(parseHeader);
}
