import type { Image } from "../../domain/images/image.ts";
import type { ImageList } from "../../domain/snapshot/answers.ts";
import type { ListImagesRequest__Output } from "../gen/labimages/v1/ListImagesRequest.ts";
import { type Answer, answerOf, createAnswerCache, withState } from "../messages/answer.ts";
import { LIST_IMAGES_FIELD as FIELD } from "../messages/field-numbers.ts";
import { encodeImage } from "../messages/image-message.ts";
import { delimited, repeatedDelimited, stringField } from "../messages/wire.ts";
import { entriesOf, fillPage, KEPT_BYTES } from "../paging/page.ts";
import { firstPage, nextPageToken, type PagePosition, requestedPage } from "../paging/page-token.ts";
import { checkPageSize } from "../server/arguments.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";

const LISTING = "ListImages";

/** `ListImages`: all remote images in display order, in pages; the four classes on the first. */
export function listImages(context: ServiceContext): UnaryHandler<ListImagesRequest__Output> {
  const { reader } = context;
  const cache = createAnswerCache(KEPT_BYTES);

  function build(position: PagePosition, pageSize: number): Answer {
    const { snapshot, offset } = position;
    const list = snapshot.images();
    const classes = offset === 0 ? encodeClasses(list) : Buffer.alloc(0);
    const entries = entriesOf(list.images, encodeImage);
    const { messages, next } = fillPage(entries, { offset, pageSize, taken: classes.length });
    return answerOf(
      classes,
      repeatedDelimited(FIELD.images, messages),
      stringField(FIELD.nextPageToken, nextPageToken({ listing: LISTING, position, next }, reader)),
    );
  }

  return ({ pageSize: asked, pageToken }) => {
    const pageSize = checkPageSize(asked);
    const position = pageToken === "" ? firstPage(context.snapshot()) : requestedPage(LISTING, pageToken, reader);
    const { snapshot, offset } = position;
    const question = `${offset}:${pageSize}`;
    const answer = cache.find(snapshot, question) ?? cache.add(snapshot, question, build(position, pageSize));
    return withState(answer, context.stateField(snapshot));
  };
}

function encodeClasses(list: ImageList): Buffer {
  const classes: readonly (readonly [number, Image | null])[] = [
    [FIELD.recommended, list.recommended],
    [FIELD.latestWeekly, list.latestWeekly],
    [FIELD.latestDaily, list.latestDaily],
    [FIELD.latestRelease, list.latestRelease],
  ];
  return Buffer.concat(
    classes.flatMap(([field, image]) => (image === null ? [] : [delimited(field, encodeImage(image))])),
  );
}
