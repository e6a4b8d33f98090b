import type { SchemeTag } from "../schemes/scheme.ts";
import { titleCase } from "../tags/alias-parse.ts";
import { compareCodePoints } from "../text-order.ts";

/** A tag on its way to an image: what its digest's group decides. */
export interface GroupMember {
  readonly tag: SchemeTag;
  /** Whether the tag belongs to the prepull set. */
  readonly inPrepullSet: boolean;
}

/** What being in a group makes of a tag. */
export interface Grouped {
  /** The tag as it is described: an alias or unknown tag has become an alias of the primary. */
  readonly tag: SchemeTag;
  /** The first MAX_ALIASES of all other tags of the group without the alias target, sorted by code point. */
  readonly aliases: readonly string[];
  /** The number of all of them. */
  readonly aliasCount: number;
  readonly aliasTarget: string | null;
}

/**
 * Aliases that an image lists, at most: nobody reads more, and 10,000 tags of one digest would list 100 million (field
 * case F7).
 */
export const MAX_ALIASES = 20;

const NO_ALIASES: readonly string[] = [];

/** What is made of a tag whose digest is unknown, or no other tag's. */
export function alone(tag: SchemeTag): Grouped {
  return { tag, aliases: NO_ALIASES, aliasCount: 0, aliasTarget: null };
}

/**
 * The first image of a group by the rule of docs/spec/images.md: what is neither alias nor unknown before what is,
 * those of the prepull set before the rest, those without architecture before the others, then in display order.
 * `members` come in display order, at least one.
 */
export function primaryOf<T extends GroupMember>(members: readonly T[]): T | undefined {
  let first: T | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const member of members) {
    const rank =
      (isAliasLike(member.tag) ? 4 : 0) + (member.inPrepullSet ? 0 : 2) + (member.tag.variant === null ? 0 : 1);
    if (rank >= least) continue;
    least = rank;
    first = member;
  }
  return first;
}

/** Returns what the group makes of each of its members. `members` come in display order, each tag once. */
export function createGrouping(members: readonly GroupMember[]): (member: Pick<GroupMember, "tag">) => Grouped {
  const primary = primaryOf(members)?.tag;
  if (primary === undefined || members.length === 1) return ({ tag }) => alone(tag);
  // Of a member's aliases two tags may be left out: its own and its target.
  const first = firstTags(members, MAX_ALIASES + 2);
  const shared = new Map<string | null, readonly string[]>();

  function aliasesOf(tag: string, target: string | null): readonly string[] {
    if (first.includes(tag)) return listWithout(tag, target);
    const known = shared.get(target) ?? listWithout(tag, target);
    shared.set(target, known);
    return known;
  }

  function listWithout(tag: string, target: string | null): readonly string[] {
    return first.filter((each) => each !== tag && each !== target).slice(0, MAX_ALIASES);
  }

  return ({ tag }) => {
    const resolves = isAliasLike(tag) && !isAliasLike(primary);
    const aliasTarget = resolves ? primary.tag : null;
    return {
      tag: resolves ? aliasOf(tag, primary) : tag,
      aliases: aliasesOf(tag.tag, aliasTarget),
      aliasCount: members.length - (resolves ? 2 : 1),
      aliasTarget,
    };
  };
}

/** The first `count` tags by code point, in that order. */
function firstTags(members: readonly GroupMember[], count: number): readonly string[] {
  const first: string[] = [];
  for (const { tag } of members) {
    const last = first[count - 1];
    if (last !== undefined && compareCodePoints(tag.tag, last) > 0) continue;
    const at = first.findIndex((each) => compareCodePoints(tag.tag, each) < 0);
    first.splice(at < 0 ? first.length : at, 0, tag.tag);
    if (first.length > count) first.pop();
  }
  return first;
}

/** Alias and unknown tags say nothing of the build that they name. */
function isAliasLike(tag: SchemeTag): boolean {
  return tag.type === "ALIAS" || tag.type === "UNKNOWN";
}

function aliasOf(alias: SchemeTag, target: SchemeTag): SchemeTag {
  // Outside the grammar of SQR-059 only what the configuration calls an alias is named after its target.
  if (alias.class === "other" && alias.base === null) return alias;
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
