import type { GetMenuResponse__Output as GetMenuResponse } from "../../grpc/gen/labimages/v1/GetMenuResponse.ts";
import type { Image__Output as Image } from "../../grpc/gen/labimages/v1/Image.ts";
import type { ImageServiceClient } from "../../grpc/gen/labimages/v1/ImageService.ts";
import type { ListImagesResponse__Output as ListImagesResponse } from "../../grpc/gen/labimages/v1/ListImagesResponse.ts";
import type { ListMissingImagesResponse__Output as ListMissingImagesResponse } from "../../grpc/gen/labimages/v1/ListMissingImagesResponse.ts";
import type { MenuImage__Output as MenuImage } from "../../grpc/gen/labimages/v1/MenuImage.ts";
import type { ResolveImageResponse__Output as ResolveImageResponse } from "../../grpc/gen/labimages/v1/ResolveImageResponse.ts";
import type { ImageSelector } from "../command.ts";
import { ask, deadline } from "./image-service.ts";
import { allPages } from "./pages.ts";
import { printable, type Report, table, yesOrNo } from "./report.ts";

/** The answer to `lab-images images`. */
export async function reportImages(client: ImageServiceClient, signal: AbortSignal): Promise<Report> {
  const { nextPageToken: _last, ...answer } = await allPages((pageToken) =>
    ask<ListImagesResponse>(signal, (callback) => client.listImages({ pageToken }, deadline(), callback)),
  );
  const { images } = answer;
  const rows = images.map(({ tag, displayName, digest, prepulled, aliasTarget, ...image }) => [
    tag,
    displayName,
    yesOrNo(prepulled),
    digest,
    aliasTarget,
    describeAliases(image),
  ]);
  return {
    json: answer,
    text: table(["TAG", "NAME", "PREPULLED", "DIGEST", "ALIAS OF", "ALIASES"], rows, "There are no images."),
  };
}

/** The answer to `lab-images menu`. */
export async function reportMenu(client: ImageServiceClient, signal: AbortSignal): Promise<Report> {
  const { menu, dropdown, state } = await allPages((pageToken) =>
    ask<GetMenuResponse>(signal, (callback) => client.getMenu({ pageToken }, deadline(), callback)),
  );
  const rows = (part: string, images: readonly MenuImage[]) =>
    images.map(({ name, reference }) => [part, name, reference]);
  return {
    json: { menu, dropdown, state },
    text: table(
      ["PART", "NAME", "REFERENCE"],
      [...rows("menu", menu), ...rows("dropdown", dropdown)],
      "The menu is empty.",
    ),
  };
}

/** The answer to `lab-images missing`; `node` is empty for all nodes. */
export async function reportMissing(client: ImageServiceClient, signal: AbortSignal, node: string): Promise<Report> {
  const { nodes, state } = await allPages((pageToken) =>
    ask<ListMissingImagesResponse>(signal, (callback) =>
      client.listMissingImages({ node, pageToken }, deadline(), callback),
    ),
  );
  const rows = nodes.flatMap((each) => each.images.map((image) => [each.node, image.tag, image.pullReference]));
  return {
    json: { nodes, state },
    text: table(["NODE", "TAG", "REFERENCE"], rows, "Nothing is missing."),
  };
}

/** The answer to `lab-images resolve`. */
export async function reportResolved(
  client: ImageServiceClient,
  signal: AbortSignal,
  selector: ImageSelector,
): Promise<Report> {
  const request = "imageClass" in selector ? { imageClass: `IMAGE_CLASS_${selector.imageClass}` as const } : selector;
  const answer = await ask<ResolveImageResponse>(signal, (callback) =>
    client.resolveImage(request, deadline(), callback),
  );
  return { json: answer, text: answer.image === null ? "There is no such image." : describeImage(answer.image) };
}

function describeAliases({ aliases, aliasCount }: Pick<Image, "aliases" | "aliasCount">): string {
  const others = aliasCount - aliases.length;
  return others > 0 ? `${aliases.join(" ")} and ${others} more` : aliases.join(" ");
}

function describeImage(image: Image): string {
  const facts = [
    ["name", image.displayName],
    ["reference", image.pullReference],
    ["prepulled", yesOrNo(image.prepulled)],
    ["aliases", describeAliases(image)],
    ["alias of", image.aliasTarget],
    ["on nodes", image.nodes.join(" ")],
  ];
  return facts
    .filter(([, value]) => value !== "")
    .map(([name = "", value = ""]) => `${name.padEnd(11)}${printable(value)}`)
    .join("\n");
}
