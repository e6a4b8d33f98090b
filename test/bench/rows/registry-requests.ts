import { ask, deadline } from "../../../src/cli/clients/image-service.ts";
import type { GetPrepullStatusResponse__Output } from "../../../src/grpc/gen/labimages/v1/GetPrepullStatusResponse.ts";
import type { ImageServiceClient } from "../../../src/grpc/gen/labimages/v1/ImageService.ts";
import { startScene } from "../scene.ts";
import { figure, type Measurement } from "../table.ts";

const SIZE = { tags: 1_000, nodes: 10, imagesPerNode: 20 };
const MANIFEST = /\/manifests\/([^/]+)$/;

/** Row 9. */
export const measureRegistryRequests: Measurement = async () => {
  await using scene = await startScene(SIZE);
  await scene.world.call("takeRequests", null);
  await scene.refresh();
  const requests = await scene.world.call("takeRequests", null);
  const wanted = await prepullSet(scene.client);
  const asked = requests.flatMap(({ path }) => MANIFEST.exec(path)?.[1] ?? []);
  const outside = asked.filter((tag) => !wanted.has(tag));
  const most = wanted.size + 2;
  return [
    {
      number: 9,
      what: "registry requests a refresh, 1,000 tags in a list of one page",
      ours: `${requests.length}, of which ${outside.length} for tags outside the prepull set`,
      against: `one for each of the ${wanted.size} tags of the prepull set, plus two (the list, and the proof that it is whole): ${most}`,
      ratio: figure(requests.length / most),
      goal: "no more, and none for tags outside",
      met: requests.length <= most && outside.length === 0,
    },
  ];
};

/** The tags of the prepull set, as the status tells them, with their aliases. */
async function prepullSet(client: ImageServiceClient): Promise<ReadonlySet<string>> {
  const answer = await ask<GetPrepullStatusResponse__Output>(new AbortController().signal, (callback) =>
    client.getPrepullStatus({}, deadline(), callback),
  );
  const images = [...(answer.status?.prepulled ?? []), ...(answer.status?.pending ?? [])];
  const tags = images.flatMap(({ image }) => [image?.tag ?? "", ...(image?.aliases ?? [])]);
  return new Set(tags);
}
