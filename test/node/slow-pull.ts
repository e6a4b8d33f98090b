import assert from "node:assert/strict";
import { eventually } from "../support/eventually.ts";
import { sha256 } from "../support/registry-writer.ts";
import { createImage, createProgramLayer, createRandomLayer } from "./images.ts";
import type { RealNode } from "./node.ts";
import { PATIENCE, type Repository } from "./service.ts";

/** A pull that a node has begun. */
export interface SlowPull {
  readonly digest: string;
  /** Whether the node's containerd is still at it. */
  isRunning(): Promise<boolean>;
}

/** At this rate, bytes per second, the layer takes 20 s. */
const SLOW = 150_000;
const LAYER_BYTES = 3_000_000;

/**
 * Pushes an image and waits until the node pulls it through a slow connection, which stays slow until it ends; later
 * ones are at full speed.
 */
export async function beginSlowPull(node: RealNode, repository: Repository, tag: string): Promise<SlowPull> {
  // Connections that are kept alive would go on at full speed.
  node.link.cutAll();
  node.link.setFault({ kind: "drip", bytesPerSecond: SLOW });
  const layer = await createRandomLayer(LAYER_BYTES);
  const digest = await repository.push([tag], createImage({ layers: [await createProgramLayer(), layer] }));
  const isRunning = () => node.runtime.isFetching(sha256(layer.blob));
  await eventually(async () => assert.ok(await isRunning()), PATIENCE);
  node.link.setFault(null);
  return { digest, isRunning };
}
