import { z } from "zod";
import { judgeTaints } from "../../../src/domain/nodes/toleration.ts";

const TAINT = z.object({ key: z.string(), value: z.string().nullish(), effect: z.string() });
const TOLERATION = z.strictObject({
  key: z.string().nullish(),
  operator: z.string().nullish(),
  value: z.string().nullish(),
  effect: z.string().nullish(),
  tolerationSeconds: z.number().nullish(),
});
const INPUT = z.object({
  spec: z.object({ taints: z.array(TAINT).nullish() }).nullish(),
  tolerations: z.array(TOLERATION).nullish(),
});

/** `tolerations`: whether a node is eligible. What is null in a case is absent at the ports. */
export function runTolerations(testCase: unknown): unknown {
  const { spec, tolerations } = INPUT.parse(testCase);
  const taints = (spec?.taints ?? []).map((taint) => ({ ...taint, value: taint.value ?? "" }));
  const tolerated = (tolerations ?? []).map((toleration) => ({
    key: toleration.key ?? undefined,
    operator: toleration.operator ?? undefined,
    value: toleration.value ?? undefined,
    effect: toleration.effect ?? undefined,
    tolerationSeconds: toleration.tolerationSeconds ?? undefined,
  }));
  return judgeTaints(taints, tolerated);
}
