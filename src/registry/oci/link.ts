const targetPattern = /[ \t,]*<([^>]*)>/y;
const parameterPattern = /[ \t]*;[ \t]*(?:([^\s=;,"]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?)?/sy;
const endPattern = /[ \t]*(?:,|$)/y;

/** A `Link` header that cannot be read: to take it for the last page would cut a listing short without a word. */
export class LinkFormError extends Error {}

function matchAt(pattern: RegExp, text: string, position: number): RegExpExecArray | null {
  pattern.lastIndex = position;
  return pattern.exec(text);
}

/** The relations of the link whose parameters begin at `position`, and where they end. */
function relationsAt(
  header: string,
  position: number,
): { readonly relations: readonly string[]; readonly end: number } {
  let end = position;
  let relations: readonly string[] = [];
  for (;;) {
    const parameter = matchAt(parameterPattern, header, end);
    if (parameter === null) return { relations, end };
    end += parameter[0].length;
    const [, name = "", quoted, plain = ""] = parameter;
    // Of several, the first counts (RFC 8288, section 3.3).
    if (name.toLowerCase() === "rel" && relations.length === 0) {
      relations = (quoted ?? plain).toLowerCase().split(/[ \t]+/);
    }
  }
}

/** The target of the link with relation `next` (RFC 8288), as written, or null where there is none. */
export function nextLink(header: string): string | null {
  let position = 0;
  while (position < header.length) {
    const target = matchAt(targetPattern, header, position);
    if (target === null) throw new LinkFormError("a Link header is not of the form of RFC 8288");
    const { relations, end } = relationsAt(header, position + target[0].length);
    const separator = matchAt(endPattern, header, end);
    if (separator === null) throw new LinkFormError("a Link header is not of the form of RFC 8288");
    if (relations.includes("next")) return target[1] ?? "";
    position = end + separator[0].length;
  }
  return null;
}
