/** Stands for the socket of a runtime in what `withoutNames` returns. */
export const SOCKET = "<socket>";

/** The rest of a longer text is not looked at; runtimes say less. */
const MAX_TEXT_LENGTH = 16_384;
/** Words with a stroke that are no names. */
const FRACTIONS: ReadonlySet<string> = new Set(["i/o", "input/output", "fork/exec", "username/password"]);

/**
 * A runtime's text without the names in it: references, hosts, URLs, digests and paths, in which any word and any number
 * may occur. A path becomes `/`, a runtime's socket SOCKET. What stands in quotes is kept where it is prose, such as the
 * description of a gRPC error.
 */
export function withoutNames(text: string): string {
  const plain = text.slice(0, MAX_TEXT_LENGTH).replace(/\(Mirrors also failed: .*\]\): /s, "");
  return plain
    .split(/\s+/)
    .map((token) => {
      const name = token.replace(/^[\\("'[{<]+|[\\)"'\]}>,;:.]+$/g, "");
      const end = token.endsWith(":") ? ":" : "";
      if (/\.sock$|\/\/\.\/pipe\//.test(name)) return `${SOCKET}${end}`;
      if (FRACTIONS.has(name.toLowerCase())) return token;
      if (name.startsWith("/")) return `/${end}`;
      return isName(token, name) ? end : token;
    })
    .join(" ");
}

function isName(token: string, name: string): boolean {
  // A whole word in quotes is a name; quotes at one end alone begin or end a sentence.
  if (/^\\?".*"[^"\w]*$/.test(token)) return true;
  return /[\w)]\.\w|\w:\w|[/@]|^sha(?:256|512):|^extract-/.test(name);
}
