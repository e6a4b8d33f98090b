import { z } from "zod";
import { parseTagFor } from "../../../src/domain/tags/alias-parse.ts";
import type { Tag } from "../../../src/domain/tags/tag.ts";
import { sortTags } from "../../../src/domain/tags/tag-order.ts";
import { isRunnableTag, isValidTag } from "../../../src/domain/tags/tag-parse.ts";

/** A registry's list of tags with what a configuration says of them, as two kinds of cases have it. */
export const TAG_LIST = z.object({
  tags: z.array(z.string()),
  aliases: z.array(z.string()),
  cycle: z.int().nullable(),
});

/** The tags of a case, parsed, restricted to its cycle, and in display order. */
export function readTagList({ tags, aliases, cycle }: z.infer<typeof TAG_LIST>): Tag[] {
  const aliasTags = new Set(aliases);
  const usable = tags.filter((tag) => isValidTag(tag) && isRunnableTag(tag));
  const parsed = usable.map((tag) => parseTagFor(tag, aliasTags));
  return sortTags(cycle === null ? parsed : parsed.filter((tag) => tag.cycle === cycle));
}

/** The tags as written. */
export function names(tags: readonly Tag[]): string[] {
  return tags.map(({ tag }) => tag);
}

/** The tags that name no architecture. */
export function withoutArchitecture(tags: readonly Tag[]): Tag[] {
  return tags.filter((tag) => tag.architecture === null);
}
