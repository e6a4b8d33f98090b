import assert from "node:assert/strict";
import { test } from "node:test";
import { startGoogleServer } from "../registry/google-server.ts";
import type { Image } from "../support/grpc-messages.ts";
import { startPeers } from "./support/peers.ts";
import { startReadyService } from "./support/service.ts";

const TAGS = 10_000;
/** Bytes that an image may take in a list: 20 aliases of 11 characters, and all else. */
const MAX_BYTES_AN_IMAGE = 800;

test("F7: 10,000 tags on one digest make lists that grow with the tags, not with their square", async () => {
  const google = await startGoogleServer();
  await using peers = await startPeers();
  const name = "europe-west1-docker.pkg.dev/science/labs/sketchbook";
  const digest = `sha256:${"1".repeat(64)}`;
  const tags = Array.from({ length: TAGS }, (_, number) => `build_${String(number).padStart(5, "0")}`);
  google.repositories.set("projects/science/locations/europe-west1/repositories/labs", [
    { uri: `${name}@${digest}`, tags: [...tags, "w_2077_43"], imageSizeBytes: 4_000_000_000 },
  ]);
  const source = {
    type: "google",
    location: "europe-west1",
    projectId: "science",
    repository: "labs",
    image: "sketchbook",
    apiEndpoint: google.endpoint,
  };
  await using service = await startReadyService(peers.config({ images: { source } }));
  try {
    const { image } = await service.client.call("ResolveImage", { tag: "w_2077_43" });
    assert.equal(image?.aliasCount, TAGS);
    assert.deepEqual(image.aliases, tags.slice(0, 20));
    const json = await (await fetch(`http://${service.http}/spawner/v1/images`)).text();
    assert.ok(json.length < TAGS * MAX_BYTES_AN_IMAGE, `${json.length} bytes of JSON`);
    const images: Image[] = [];
    for (let pageToken = "first"; pageToken !== ""; ) {
      const page = await service.client.call("ListImages", { pageToken: pageToken === "first" ? "" : pageToken });
      images.push(...page.images);
      pageToken = page.nextPageToken;
    }
    assert.equal(images.length, TAGS + 1);
    assert.ok(images.every(({ aliases }) => aliases.length === 20));
  } finally {
    google.close();
  }
});
