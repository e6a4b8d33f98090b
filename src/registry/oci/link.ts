const targetPattern = /[ \t,]*<([^>]*)>/y;
const parameterPattern = /[ \t]*;[ \t]*(?:([^\s=;,"]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?)?/sy;
const endPattern = /[ \t]*(?:,|$)/y;

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

/** The target of the link with relation `next` (RFC 8288), as written; null where there is none that can be read. */
function nextTarget(header: string): string | null {
  let position = 0;
  while (position < header.length) {
    const target = matchAt(targetPattern, header, position);
    if (target === null) return null;
    const { relations, end } = relationsAt(header, position + target[0].length);
    const separator = matchAt(endPattern, header, end);
    if (separator === null) return null;
    if (relations.includes("next")) return target[1] ?? "";
    position = end + separator[0].length;
  }
  return null;
}

/**
 * The query of a `Link` header's next page, with its question mark; null where there is none. All else of the target is
 * ignored: registries behind proxies name another scheme, host or path than the one that they answer on (field case F4),
 * and no header may choose where requests go.
 */
export function nextQuery(header: string): string | null {
  return /\?[^#]+/.exec(nextTarget(header) ?? "")?.[0] ?? null;
}
