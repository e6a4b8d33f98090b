import { InvalidArgumentError } from "../../domain/errors.ts";
import type { Menu } from "../../domain/snapshot/answers.ts";
import type { Snapshot } from "../../domain/snapshot/snapshot.ts";
import type { GetMenuRequest__Output } from "../gen/labimages/v1/GetMenuRequest.ts";
import { encodeMenuImage } from "../messages/image-message.ts";
import { repeatedDelimited } from "../messages/wire.ts";
import { entriesOf } from "../paging/page.ts";
import { pagedListing } from "../paging/paged-listing.ts";
import { checkText, MAX_NAME_LENGTH } from "../server/arguments.ts";
import { fieldNumbers } from "../server/contract.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";

const field = fieldNumbers("labimages.v1.GetMenuResponse");

/**
 * `GetMenu`: the menu and the dropdown. A dropdown that one message cannot hold continues in further ones, whose token
 * carries the time that its filter was applied at, so that all of them show the same dropdown.
 */
export function getMenu(context: ServiceContext): UnaryHandler<GetMenuRequest__Output> {
  const versionOf = createVersions();
  const menuOf = (snapshot: Snapshot, filter: string) => {
    const { time, set } = readFilter(filter);
    return snapshot.menu(Number(time), set);
  };
  return pagedListing(context, {
    name: "GetMenu",
    nextPageToken: field("nextPageToken"),
    filter: ({ set }) => `${context.clock.wallTime()} ${checkText("set", set, MAX_NAME_LENGTH)}`,
    checkFilter,
    version: (snapshot, time) => versionOf(menuOf(snapshot, time)),
    head: (snapshot, time) => repeatedDelimited(field("menu"), menuOf(snapshot, time).menu.map(encodeMenuImage)),
    entries: (snapshot, time) => entriesOf(menuOf(snapshot, time).dropdown, encodeMenuImage),
    encode: (head, dropdown) => Buffer.concat([head, repeatedDelimited(field("dropdown"), dropdown)]),
  });
}

/** A number for each menu: that of one snapshot changes with the time. */
function createVersions(): (menu: Menu) => number {
  const versions = new WeakMap<Menu, number>();
  let last = 0;
  return (menu) => {
    const known = versions.get(menu);
    if (known !== undefined) return known;
    last += 1;
    versions.set(menu, last);
    return last;
  };
}

/** The time that the menu is of, and the name of its set. */
function readFilter(filter: string): { readonly time: string; readonly set: string } {
  const blank = filter.indexOf(" ");
  return { time: filter.slice(0, blank), set: filter.slice(blank + 1) };
}

function checkFilter(inToken: string, requested: string): void {
  const { time, set } = readFilter(inToken);
  if (!/^\d{1,16}(\.\d{1,16})?$/.test(time)) {
    throw new InvalidArgumentError("page_token", "page_token is not one that this service has given");
  }
  if (set !== readFilter(requested).set) {
    throw new InvalidArgumentError("set", "set differs from that of the page_token");
  }
}
