import { z } from "zod";

const IMAGE = z.object({ names: z.array(z.string()).nullish(), sizeBytes: z.number().nullish() });

const NODE = z.object({
  name: z.string(),
  taints: z.array(z.object({ key: z.string(), value: z.string().nullish(), effect: z.string() })).nullish(),
  labels: z.record(z.string(), z.string()).nullish(),
  images: z.array(IMAGE).nullish(),
});

const STEP = z.discriminatedUnion("via", [
  z.object({ via: z.literal("missing"), of: z.string(), index: z.number(), node: z.string() }),
  z.object({ via: z.literal("tag"), tag: z.string(), node: z.string() }),
  z.object({ via: z.literal("class"), class: z.string(), node: z.string() }),
  z.object({ via: z.literal("new"), tag: z.string(), digest: z.string(), node: z.string() }),
]);

/** A tag with its digest; null: the registry answers with a server error. */
const DOCKER = z.array(z.tuple([z.string(), z.string().nullable()]));
const GOOGLE = z.array(
  z.object({ uri: z.string(), tags: z.array(z.string()).nullish(), imageSizeBytes: z.number().nullish() }),
);

/** One case of `service_docker` or `service_gar`. */
export const SERVICE_CASE = z.object({
  config: z.record(z.string(), z.unknown()),
  dropdownMenu: z.record(z.string(), z.unknown()),
  tolerations: z.array(z.unknown()),
  now: z.string(),
  registry: z.union([DOCKER, GOOGLE]),
  nodes: z.array(NODE),
  tag_lookups: z.array(z.string()),
  reference_lookups: z.array(z.string()),
  steps: z.array(STEP),
  second: z.object({ registry: z.union([DOCKER, GOOGLE]), nodes: z.array(NODE) }),
});

/** What a registry holds, in either form. */
export type RegistryContent = z.infer<typeof DOCKER> | z.infer<typeof GOOGLE>;
/** One node of a case. */
export type CaseNode = z.infer<typeof NODE>;
/** One step of a case. */
export type CaseStep = z.infer<typeof STEP>;
/** See SERVICE_CASE. */
export type ServiceCase = z.infer<typeof SERVICE_CASE>;
