import { TAG_TYPES } from "../../../src/domain/tags/tag.ts";
import { names, readTagList, TAG_LIST, withoutArchitecture } from "./tag-list.ts";
import { TYPE_NAMES } from "./type-names.ts";

/** `tag_order`: a list of tags in display order, with the latest of each type. */
export function runTagOrder(testCase: unknown): unknown {
  const all = readTagList(TAG_LIST.parse(testCase));
  const shown = withoutArchitecture(all);
  const latest = TAG_TYPES.map((type) => [TYPE_NAMES[type], shown.find((tag) => tag.type === type)?.tag ?? null]);
  return { all: names(all), no_arch: names(shown), latest: Object.fromEntries(latest) };
}
