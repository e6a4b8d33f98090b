import assert from "node:assert/strict";
import { test } from "node:test";
import { planText } from "../../src/app/plan/plan-text.ts";
import { planState } from "../../src/app/plan/state-plan.ts";
import { parseConfig } from "../../src/config/load.ts";
import { parseState } from "../../src/config/state-file.ts";

const CONFIG = `
sources:
  - {name: scipy, type: docker, registry: quay.io, repository: jupyter/scipy-notebook, tags: {scheme: calver, format: YYYY-MM-DD}}
sets:
  - name: everybody
    images:
      - {source: scipy, newest: 1}
      - {source: scipy, pin: ["2020-01-01"]}
`;

test("a plan as text has the sets with their menus, what is missing where, and who is excluded", () => {
  const config = parseConfig(CONFIG);
  const state = parseState({
    registries: { scipy: [["2026-11-23", "sha256:a", ["linux/amd64"]]] },
    nodes: [
      { name: "n1", cached: ["sha256:a"] },
      { name: "n2" },
      { name: "n3", taints: [{ key: "gpu", effect: "NoSchedule" }] },
    ],
    now: "2026-11-27T12:00:00Z",
  });
  assert.equal(
    planText(config, planState(config, state)),
    [
      "SET everybody: 1 images",
      "  scipy:2026-11-23  1/2 nodes  newest 1 of scipy",
      "  nothing: pin of scipy",
      "MISSING",
      "  n2: scipy:2026-11-23",
      "EXCLUDED",
      "  n3: Node is tainted (NoSchedule, gpu)",
      "LATEST",
      "  scipy: 2026-11-23",
      "",
    ].join("\n"),
  );
});
