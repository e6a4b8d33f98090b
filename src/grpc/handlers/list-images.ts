import type { ImageList } from "../../domain/snapshot/answers.ts";
import type { Snapshot } from "../../domain/snapshot/snapshot.ts";
import type { ListImagesRequest__Output } from "../gen/labimages/v1/ListImagesRequest.ts";
import { encodeImage } from "../messages/image-message.ts";
import { delimited, repeatedDelimited } from "../messages/wire.ts";
import { entriesOf } from "../paging/page.ts";
import { pagedListing } from "../paging/paged-listing.ts";
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
    head: encodeClasses,
    entries: (snapshot) => entriesOf(snapshot.images().images, encodeImage),
    encode: (head, images) => Buffer.concat([head, repeatedDelimited(field("images"), images)]),
  });
}

function encodeClasses(snapshot: Snapshot): Buffer {
  const list = snapshot.images();
  const encoded = CLASSES.flatMap((name) => {
    const image = list[name];
    return image === null ? [] : [delimited(field(name), encodeImage(image))];
  });
  return Buffer.concat(encoded);
}
