import { z } from "zod";
import { readRegularFile, UnusableFileError } from "../lib/bytes.ts";
import { ConfigError } from "./config-error.ts";
import { problemsOf } from "./problems.ts";

/** 200,000 tags and 5,000 nodes of 50 images take some 60 MB. */
const MAX_BYTES = 256 * 1_024 * 1_024;

const time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));

/** `[tag, digest, platforms?, pushed?]`: platforms as `os/arch[/variant]`, null where they cannot be read. */
const listedTag = z
  .tuple([z.string(), z.string()], z.union([z.array(z.string()), z.string(), z.null()]))
  .transform(([tag, digest, platforms, pushed], context) => {
    if (typeof platforms === "string" || (pushed !== undefined && pushed !== null && typeof pushed !== "string")) {
      context.addIssue({
        code: "custom",
        message: "expected [tag, digest, platforms or null, time of the push or null]",
      });
      return z.NEVER;
    }
    const pushedAt = typeof pushed === "string" ? Date.parse(pushed) : null;
    if (Number.isNaN(pushedAt))
      context.addIssue({ code: "custom", message: "expected a time such as 2026-11-26T09:00:00Z" });
    return { tag, digest, platforms: platforms ?? null, pushedAt };
  });

const node = z.strictObject({
  name: z.string(),
  labels: z.record(z.string(), z.string()).default({}),
  taints: z.array(z.strictObject({ key: z.string(), value: z.string().default(""), effect: z.string() })).default([]),
  os: z.string().nullish(),
  arch: z.string().nullish(),
  cached: z.array(z.string()).default([]),
  created: time.nullish(),
  notReadySince: time.nullish(),
});

const question = z.strictObject({ source: z.string(), tag: z.string(), node: z.string().optional() });

const stateSchema = z.object({
  registries: z.record(z.string(), z.array(listedTag)),
  nodes: z.array(node),
  now: time,
  ask: z.array(question).default([]),
});

/** What registries and a cluster hold at one time: `registries` and `nodes` in the form of the conformance cases, `now`, and tags to explain. */
export type PlanState = z.infer<typeof stateSchema>;

/** Reads a state file, which is JSON. Error: ConfigError, with everything that is wrong with it. */
export async function loadState(path: string): Promise<PlanState> {
  return parseState(parseJson(path, (await read(path)).toString("utf8")));
}

/** Checks what a state file holds. Error: ConfigError, with everything that is wrong with it. */
export function parseState(data: unknown): PlanState {
  const result = stateSchema.safeParse(data);
  if (result.success) return result.data;
  throw new ConfigError(problemsOf(result.error.issues, data, []));
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ConfigError([{ path: "", message: `the file ${path} is no JSON` }]);
  }
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readRegularFile(path, MAX_BYTES);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
    const why = error instanceof UnusableFileError ? error.message : code;
    throw new ConfigError([{ path: "", message: `the file ${path} cannot be read (${why})` }]);
  }
}
