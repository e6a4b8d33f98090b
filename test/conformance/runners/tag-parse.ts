import { z } from "zod";
import { parseAliasTag } from "../../../src/domain/tags/alias-parse.ts";
import type { Tag } from "../../../src/domain/tags/tag.ts";
import { parseTag } from "../../../src/domain/tags/tag-parse.ts";
import { TYPE_NAMES } from "./type-names.ts";

const INPUT = z.object({ tag: z.string() });

/** `tag_parse`: a tag, parsed. */
export function runTagParse(testCase: unknown): unknown {
  return describeTag(parseTag(INPUT.parse(testCase).tag));
}

/** `alias_parse`: the name of an alias, parsed. */
export function runAliasParse(testCase: unknown): unknown {
  return describeTag(parseAliasTag(INPUT.parse(testCase).tag));
}

function describeTag(tag: Tag): unknown {
  return {
    tag: tag.tag,
    image_type: TYPE_NAMES[tag.type],
    display_name: tag.displayName,
    version: tag.version,
    semantic: tag.semantic,
    base: tag.base,
    cycle: tag.cycle,
    cycle_build: tag.cycleBuild,
    build: tag.build,
    architecture: tag.architecture,
    extra: tag.extra,
    date: tag.date === null ? null : new Date(tag.date).toISOString().slice(0, 19).replace("T", " "),
  };
}
