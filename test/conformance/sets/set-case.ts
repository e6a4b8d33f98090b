import { z } from "zod";

/** One case of sources, schemes and sets: what stands in the configuration file, and what the registries and nodes hold. */
export const SET_CASE = z.object({
  id: z.string(),
  config: z.record(z.string(), z.unknown()),
  registries: z.record(z.string(), z.array(z.array(z.unknown()))).default({}),
  nodes: z.array(z.record(z.string(), z.unknown())).default([]),
  now: z.string().optional(),
  ask: z.array(z.object({ source: z.string(), tag: z.string(), node: z.string().optional() })).default([]),
});
export type SetCase = z.infer<typeof SET_CASE>;
