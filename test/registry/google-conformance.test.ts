import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import { status } from "@grpc/grpc-js";
import type { SourceSettings } from "../../src/domain/settings.ts";
import { createGoogleSource } from "../../src/registry/google/google-source.ts";
import type { ClosableImageSource } from "../../src/registry/oci/docker-source.ts";
import type { RegistryContent } from "../conformance/runners/service-case.ts";
import { passCases } from "./conformance-run.ts";
import { type GoogleServer, type StoredImage, startGoogleServer } from "./google-server.ts";
import { recordLog } from "./log-recorder.ts";
import { nodeClock } from "./node-clock.ts";
import { quickLimits, unhurried } from "./source-under-test.ts";

type GoogleSettings = Extract<SourceSettings, { type: "google" }>;

/** Small, so that the listings of the cases take several pages. */
const PAGE_SIZE = 3;

/** One source for each configuration, as in a service that refreshes again and again. */
function sourcesOn(context: TestContext, server: GoogleServer) {
  const opened = new Map<string, Promise<ClosableImageSource>>();
  return (settings: GoogleSettings): Promise<ClosableImageSource> => {
    const key = JSON.stringify(settings);
    const known = opened.get(key);
    if (known !== undefined) return known;
    const opening = createGoogleSource({
      ...settings,
      apiEndpoint: server.endpoint,
      clock: nodeClock,
      random: () => 0.5,
      logger: recordLog(),
      limits: quickLimits,
    });
    opened.set(key, opening);
    context.after(async () => (await opening).close());
    return opening;
  };
}

function storedImage(entry: RegistryContent[number]): StoredImage {
  if (Array.isArray(entry)) throw new TypeError("an entry of another registry");
  return { uri: entry.uri, tags: entry.tags ?? [], imageSizeBytes: entry.imageSizeBytes ?? 0 };
}

it("the conformance cases hold end to end through Google's client (R8)", async (context) => {
  const server = await startGoogleServer();
  context.after(() => server.close());
  server.pageSize = PAGE_SIZE;
  const sourceFor = sourcesOn(context, server);
  const counts = { images: 0, ofOtherNames: 0 };

  const passed = await passCases("service_gar", async (settings, content) => {
    if (settings.type !== "google") throw new TypeError("a case of another source");
    const source = await sourceFor(settings);
    const { location, projectId, repository } = settings;
    const stored = content.map(storedImage);
    server.repositories.set(`projects/${projectId}/locations/${location}/repositories/${repository}`, stored);
    server.failures.splice(0, Number.POSITIVE_INFINITY, status.UNAVAILABLE, null, status.INTERNAL);
    const ours = `${source.registry}/${source.repository}@`;
    counts.images += stored.length;
    counts.ofOtherNames += stored.filter(({ uri }) => !uri.startsWith(ours)).length;
    return {
      registry: source.registry,
      repository: source.repository,
      list: () => source.listTags(unhurried),
      resolve: (tags) => source.resolveTags(tags, unhurried),
    };
  });

  assert.equal(passed, 76);
  // Every image of every case was stored, those of other names in the same repository too, and read in pages.
  assert.deepEqual(counts, { images: 845, ofOtherNames: 52 });
  assert.ok(server.requests.some(({ pageToken }) => Number(pageToken) > 2 * PAGE_SIZE));
});
