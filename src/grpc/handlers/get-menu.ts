import { InvalidArgumentError } from "../../domain/errors.ts";
import type { Menu } from "../../domain/snapshot/answers.ts";
import type { GetMenuRequest__Output } from "../gen/labimages/v1/GetMenuRequest.ts";
import { type Answer, answerOf, withState } from "../messages/answer.ts";
import { GET_MENU_FIELD as FIELD } from "../messages/field-numbers.ts";
import { encodeMenuImage } from "../messages/image-message.ts";
import { repeatedDelimited, stringField } from "../messages/wire.ts";
import { entriesOf, fillPage } from "../paging/page.ts";
import { firstPage, nextPageToken, type PagePosition, requestedPage } from "../paging/page-token.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";

const LISTING = "GetMenu";

/**
 * `GetMenu`: the menu and the dropdown. A dropdown that one message cannot hold goes on in further ones, whose token
 * carries the time that its filter was applied at, so that all of them show the same dropdown.
 */
export function getMenu(context: ServiceContext): UnaryHandler<GetMenuRequest__Output> {
  const { reader, clock } = context;
  /** First messages that hold the whole, and so name no snapshot: nearly all. */
  const wholes = new WeakMap<Menu, Answer>();

  function build(menu: Menu, position: PagePosition): Answer {
    const { offset } = position;
    const head = offset === 0 ? repeatedDelimited(FIELD.menu, menu.menu.map(encodeMenuImage)) : Buffer.alloc(0);
    const entries = entriesOf(menu.dropdown, encodeMenuImage);
    const { messages, next } = fillPage(entries, { offset, pageSize: Number.POSITIVE_INFINITY, taken: head.length });
    const answer = answerOf(
      head,
      repeatedDelimited(FIELD.dropdown, messages),
      stringField(FIELD.nextPageToken, nextPageToken({ listing: LISTING, position, next }, reader)),
    );
    if (offset === 0 && next === null) wholes.set(menu, answer);
    return answer;
  }

  function continued(pageToken: string): Buffer {
    const position = requestedPage(LISTING, pageToken, reader);
    const menu = position.snapshot.menu(filterTime(position.filter));
    return withState(build(menu, position), context.stateField(position.snapshot));
  }

  return ({ pageToken }) => {
    if (pageToken !== "") return continued(pageToken);
    const snapshot = context.snapshot();
    const now = clock.wallTime();
    const menu = snapshot.menu(now);
    const answer = wholes.get(menu) ?? build(menu, firstPage(snapshot, String(now)));
    return withState(answer, context.stateField(snapshot));
  };
}

function filterTime(filter: string): number {
  if (!/^\d{1,16}(\.\d{1,16})?$/.test(filter)) {
    throw new InvalidArgumentError("page_token", "page_token is not one that this service has given");
  }
  return Number(filter);
}
