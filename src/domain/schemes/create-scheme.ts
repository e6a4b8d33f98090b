import type { SchemeConfig } from "../settings.ts";
import { createCalverScheme } from "./calver.ts";
import { createOpaqueScheme } from "./opaque.ts";
import { createRegexScheme } from "./regex.ts";
import { createRubinScheme } from "./rubin.ts";
import type { TagScheme } from "./scheme.ts";
import { createSemverScheme } from "./semver.ts";
import type { CompilePattern } from "./tag-pattern.ts";

/** Creates the scheme of a source. Error: SchemeError. */
export function createScheme(config: SchemeConfig, compile: CompilePattern): TagScheme {
  switch (config.name) {
    case "rubin":
      return createRubinScheme(config.cycle);
    case "semver":
      return createSemverScheme();
    case "calver":
      return createCalverScheme(config.format);
    case "regex":
      return createRegexScheme(compile(config.pattern));
    case "opaque":
      return createOpaqueScheme(config.pattern === null ? null : compile(config.pattern), config.order === "pushed");
  }
}
