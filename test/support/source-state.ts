import assert from "node:assert/strict";
import type { ImageState } from "../../src/machines/image-state.ts";
import type { SourceState } from "../../src/ports.ts";

/** The state of the registry, or of the cluster. */
export function sourceOf({ sources }: Pick<ImageState, "sources">, name: SourceState["name"]): SourceState {
  return sources.find((source) => source.name === name) ?? assert.fail(name);
}
