import { nameList } from "../name-list.ts";

/** What a status says of tags that the registry does not give out; `withheld` is a catalog's. */
export function withheldReason(withheld: readonly string[]): string {
  return `the registry does not give out ${nameList(withheld)}`;
}
