/**
 * Keeps secrets out of text that other programs wrote: error messages of libraries quote URLs, headers and bodies. What
 * looks like a secret is replaced even where it may be none.
 */

/** What stands in the place of a secret. */
export const REDACTED = "[redacted]";

/** Text beyond this many characters is cut: it bounds a log line and the work of the expressions below. */
const MAX_TEXT_LENGTH = 16_384;

const RULES: readonly (readonly [RegExp, string])[] = [
  // The user part of a URL: https://user:password@host.
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#@"'\\]{1,512}@/gi, `$1${REDACTED}@`],
  // Authorization values; plain words after "Basic" or "Bearer" are prose.
  [/\b(Bearer|Basic|Negotiate)\s+(?!auth|cred|token|realm|scheme|challenge|error)[\w+/=.~-]{6,}/gi, `$1 ${REDACTED}`],
  // The parameters of Digest authentication; the digest of an image is no credential.
  [/\b(Digest)\s+(?:\w{1,20}="?[^\s",]*"?(?:,\s*)?){1,20}/gi, `$1 ${REDACTED}`],
  // JSON web tokens, wherever they stand.
  [/\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?/g, REDACTED],
  // Slack's web hooks carry their secret in the path.
  [/\b(hooks\.slack(?:-gov)?\.com\/)[^\s"'\\]+/gi, `$1${REDACTED}`],
  // name=value and "name": "value", in queries, forms, JSON and prose; "failed to fetch a token: unexpected status" is prose.
  [
    /((?:token(?!: [a-z]+[ :,])|passw(?:or)?d|secret|api[_-]?key|signature|credential|identitytoken|"auth|\bsig)\\?["']?\s{0,4}[=:]\s{0,4}\\?["']?)(?!\[redacted\])[^\s"'&,;\\}]+/gi,
    `$1${REDACTED}`,
  ],
];

/** The text with everything that looks like a secret replaced, at most 16,384 characters long. */
export function redactSecrets(text: string): string {
  let redacted = text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}…` : text;
  for (const [pattern, replacement] of RULES) redacted = redacted.replace(pattern, replacement);
  return redacted;
}

/** Longest quotation of a peer in a log line, a status, a page or an error, in UTF-16 code units. */
const MAX_QUOTE = 200;
/** Of a longer text this much of the end is kept: chains of errors have their cause there. */
const QUOTE_END = 80;

/**
 * What another program wrote, fit to be quoted in a message: on one line, without secrets and control characters, at most
 * 200 characters of its beginning and its end.
 */
export function quotePeer(text: string): string {
  const line = redactSecrets(text)
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, " ")
    .trim();
  if (line.length <= MAX_QUOTE) return line;
  return `${line.slice(0, MAX_QUOTE - QUOTE_END - 1)}…${line.slice(-QUOTE_END)}`.toWellFormed();
}
