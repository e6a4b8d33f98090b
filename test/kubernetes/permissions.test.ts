import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parseAllDocuments } from "yaml";
import {
  describePermission,
  type Permission,
  prepullerPermissions,
  READER_PERMISSIONS,
  TOKEN_REVIEW_PERMISSIONS,
} from "../../src/kubernetes/access/permissions.ts";

const DEPLOY = join(import.meta.dirname, "../../deploy");

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** Every right that the roles of a manifest grant, as `group/resource verb name`. */
async function rightsIn(manifest: string): Promise<ReadonlySet<string>> {
  const documents = parseAllDocuments(await readFile(join(DEPLOY, manifest), "utf8"));
  const rights = documents.flatMap((document) => {
    const { rules = [] }: { readonly rules?: readonly Rule[] } = document.toJS();
    return rules.flatMap(({ apiGroups, resources, verbs, resourceNames = [""] }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.flatMap((verb) => resourceNames.map((name) => `${group}/${resource} ${verb} ${name}`)),
        ),
      ),
    );
  });
  return new Set(rights);
}

function written(permissions: readonly Permission[]): ReadonlySet<string> {
  return new Set(permissions.map(({ group, resource, verb, name }) => `${group}/${resource} ${verb} ${name}`));
}

test("check-config --connect asks about each permission that deploy/ grants, and no other", async () => {
  assert.deepEqual(written(READER_PERMISSIONS), await rightsIn("20-reader-role.yaml"));
  assert.deepEqual(written(TOKEN_REVIEW_PERMISSIONS), await rightsIn("callers/token-review-role.yaml"));
  const scope = { namespace: "lab-images", leaseName: "lab-images-prepuller", deployment: "lab-images" };
  assert.deepEqual(written(prepullerPermissions(scope)), await rightsIn("30-prepuller-role.yaml"));
});

test("without an election and a Deployment neither is asked about", () => {
  const permissions = prepullerPermissions({ namespace: "labs", leaseName: null, deployment: null });
  assert.deepEqual(permissions.map(describePermission), [
    ...["create", "get", "list", "watch", "delete"].map((verb) => `${verb} pods in namespace labs`),
    "list events in namespace labs",
  ]);
});
