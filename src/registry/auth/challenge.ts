/** One challenge of a `WWW-Authenticate` header (RFC 9110, section 11.6.1). */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  /** Names in lower case; where one is given twice the first counts. */
  readonly parameters: ReadonlyMap<string, string>;
}

const tokenPattern = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const token68Pattern = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;
const spacePattern = /[ \t]*/y;
const separatorPattern = /[ \t,]*/y;
/** A scheme stands alone, or white space parts it from its parameters. */
const afterSchemePattern = /[ \t]+|(?=,)|$/y;
const quotedPattern = /"((?:[^"\\]|\\.)*)"/sy;

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

/** `name = value` or `name = "value"`; null, without moving, where there is none. */
function takeParameter(scanner: Scanner): [string, string] | null {
  const start = scanner.position;
  const name = scanner.take(tokenPattern)?.[0];
  scanner.take(spacePattern);
  if (name !== undefined && scanner.take(/=/y) !== null) {
    scanner.take(spacePattern);
    const quoted = scanner.take(quotedPattern)?.[1];
    if (quoted !== undefined) return [name.toLowerCase(), quoted.replace(/\\(.)/gs, "$1")];
    const plain = scanner.take(tokenPattern)?.[0];
    if (plain !== undefined) return [name.toLowerCase(), plain];
  }
  scanner.moveTo(start);
  return null;
}

/** The parameters after a scheme; a `token68`, which no scheme that is used here has, is stepped over. */
function takeParameters(scanner: Scanner): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  scanner.take(spacePattern);
  const start = scanner.position;
  // `a=` can be both; it is a parameter if it reads as one.
  if (takeParameter(scanner) === null && scanner.take(token68Pattern) !== null) return parameters;
  scanner.moveTo(start);
  for (;;) {
    const before = scanner.position;
    scanner.take(separatorPattern);
    const parameter = takeParameter(scanner);
    if (parameter === null) {
      scanner.moveTo(before);
      return parameters;
    }
    if (!parameters.has(parameter[0])) parameters.set(parameter[0], parameter[1]);
  }
}

/**
 * All challenges of a header, in order. Commas separate challenges as well as parameters, and stand inside quoted
 * values, which is what a split at commas gets wrong. Text that is not of the form ends the parse: what came before it
 * counts.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const scanner = scan(header);
  const challenges: Challenge[] = [];
  for (;;) {
    scanner.take(separatorPattern);
    const scheme = scanner.take(tokenPattern)?.[0];
    const after = scanner.take(afterSchemePattern)?.[0];
    if (scheme === undefined || after === undefined) return challenges;
    const parameters = after === "" ? new Map<string, string>() : takeParameters(scanner);
    challenges.push({ scheme: scheme.toLowerCase(), parameters });
  }
}
