import assert from "node:assert/strict";
import { ConfigError } from "../../src/config/config-error.ts";
import { parseConfig } from "../../src/config/load.ts";

/** The least that a configuration has. */
export const IMAGES = "images: {source: {type: docker, registry: r.example.org, repository: a/b}}\n";

/** What is wrong with a configuration that is refused, a line each. */
export function problemsIn(text: string): string {
  try {
    parseConfig(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  return assert.fail("the configuration was accepted");
}
