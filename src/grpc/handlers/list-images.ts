import { InvalidArgumentError } from "../../domain/errors.ts";
import type { ImageList } from "../../domain/snapshot/answers.ts";
import type { Snapshot } from "../../domain/snapshot/snapshot.ts";
import type { ListImagesRequest__Output } from "../gen/labimages/v1/ListImagesRequest.ts";
import { encodeImage } from "../messages/image-message.ts";
import { delimited, repeatedDelimited } from "../messages/wire.ts";
import { entriesOf } from "../paging/page.ts";
import { pagedListing } from "../paging/paged-listing.ts";
import { checkText, MAX_NAME_LENGTH } from "../server/arguments.ts";
import { fieldNumbers } from "../server/contract.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";

const field = fieldNumbers("labimages.v1.ListImagesResponse");

/** The images of the first page that have a field of their own. */
const CLASSES = ["recommended", "latestWeekly", "latestDaily", "latestRelease"] as const satisfies (keyof ImageList)[];

/** `ListImages`: all remote images in display order, in pages; the four classes on the first. */
export function listImages(context: ServiceContext): UnaryHandler<ListImagesRequest__Output> {
  return pagedListing(context, {
    name: "ListImages",
    nextPageToken: field("nextPageToken"),
    filter: ({ source }) => checkText("source", source, MAX_NAME_LENGTH),
    checkFilter(inToken, source) {
      if (inToken !== source) throw new InvalidArgumentError("source", "source differs from that of the page_token");
    },
    head: encodeClasses,
    entries: (snapshot, source) => entriesOf(snapshot.images(source).images, encodeImage),
    encode: (head, images) => Buffer.concat([head, repeatedDelimited(field("images"), images)]),
  });
}

function encodeClasses(snapshot: Snapshot, source: string): Buffer {
  const list = snapshot.images(source);
  const encoded = CLASSES.flatMap((name) => {
    const image = list[name];
    return image === null ? [] : [delimited(field(name), encodeImage(image))];
  });
  return Buffer.concat(encoded);
}
