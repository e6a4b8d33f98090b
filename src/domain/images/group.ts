import { titleCase } from "../tags/alias-parse.ts";
import type { Tag } from "../tags/tag.ts";
import { compareCodePoints } from "../text-order.ts";

/** A tag on its way to an image: what its digest's group decides. */
export interface GroupMember {
  readonly tag: Tag;
  /** Whether the tag belongs to the prepull set. */
  readonly inPrepullSet: boolean;
}

/** What being in a group makes of a tag. */
export interface Grouped {
  /** The tag as it is described: an alias or unknown tag has become an alias of the primary. */
  readonly tag: Tag;
  /** All other tags of the group without the alias target, sorted by code point. */
  readonly aliases: readonly string[];
  readonly aliasTarget: string | null;
}

const NO_ALIASES: readonly string[] = [];

/** What is made of a tag whose digest is unknown, or no other tag's. */
export function alone(tag: Tag): Grouped {
  return { tag, aliases: NO_ALIASES, aliasTarget: null };
}

/**
 * The first image of a group by the rule of behaviour.md section 2: what is neither alias nor unknown before what is,
 * those of the prepull set before the rest, those without architecture before the others, then in display order.
 * `members` come in display order, at least one.
 */
export function primaryOf<T extends GroupMember>(members: readonly T[]): T | undefined {
  let first: T | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const member of members) {
    const rank =
      (isNameOnly(member.tag) ? 4 : 0) + (member.inPrepullSet ? 0 : 2) + (member.tag.architecture === null ? 0 : 1);
    if (rank >= least) continue;
    least = rank;
    first = member;
  }
  return first;
}

/** What the group makes of one of its members. */
export function groupTag(member: GroupMember, members: readonly GroupMember[], primary: Tag): Grouped {
  if (members.length <= 1) return alone(member.tag);
  const resolves = isNameOnly(member.tag) && !isNameOnly(primary);
  const aliasTarget = resolves ? primary.tag : null;
  const aliases: string[] = [];
  for (const { tag } of members) if (tag.tag !== member.tag.tag && tag.tag !== aliasTarget) aliases.push(tag.tag);
  aliases.sort(compareCodePoints);
  return { tag: resolves ? aliasOf(member.tag, primary) : member.tag, aliases, aliasTarget };
}

/** Alias and unknown tags say nothing of the build that they name. */
function isNameOnly(tag: Tag): boolean {
  return tag.type === "ALIAS" || tag.type === "UNKNOWN";
}

function aliasOf(alias: Tag, target: Tag): Tag {
  const architecture = alias.architecture ?? target.architecture;
  const suffix = architecture === null ? "" : ` [${architecture}]`;
  const targetName =
    target.architecture === architecture && suffix !== "" && target.displayName.endsWith(suffix)
      ? target.displayName.slice(0, -suffix.length)
      : target.displayName;
  const inner = targetName.replaceAll(" (", ", ").replaceAll(")", "");
  const displayName = `${titleCase(alias.base ?? alias.tag)} (${inner})${suffix}`;
  return { ...alias, type: "ALIAS", displayName, cycle: target.cycle, date: target.date, architecture };
}
