import { InvalidArgumentError } from "../../domain/errors.ts";
import type { Menu } from "../../domain/snapshot/answers.ts";
import type { Snapshot } from "../../domain/snapshot/snapshot.ts";
import type { GetMenuRequest__Output } from "../gen/labimages/v1/GetMenuRequest.ts";
import { encodeMenuImage } from "../messages/image-message.ts";
import { repeatedDelimited } from "../messages/wire.ts";
import { entriesOf } from "../paging/page.ts";
import { pagedListing } from "../paging/paged-listing.ts";
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
  const menuOf = (snapshot: Snapshot, time: string) => snapshot.menu(Number(time));
  return pagedListing(context, {
    name: "GetMenu",
    nextPageToken: field("nextPageToken"),
    filter: () => String(context.clock.wallTime()),
    checkFilter: checkTime,
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

function checkTime(time: string): void {
  if (/^\d{1,16}(\.\d{1,16})?$/.test(time)) return;
  throw new InvalidArgumentError("page_token", "page_token is not one that this service has given");
}
