import { isJsonObject, type Json, type JsonObject } from "./kubernetes-objects.ts";
import { ApiFailure } from "./kubernetes-status.ts";

/** JSON merge patch, RFC 7396: null takes a field away, objects merge, all else replaces. */
export function mergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  const merged: Record<string, Json | undefined> = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    const before = target[key];
    if (value === null) delete merged[key];
    else if (isJsonObject(value)) merged[key] = mergePatch(isJsonObject(before) ? before : {}, value);
    else merged[key] = value;
  }
  return merged;
}

/**
 * Lists that a strategic merge patch merges entry by entry, and the field by which entries are the same one: the
 * `patchMergeKey` of core/v1. Other lists, such as `status.images` and `spec.taints` of nodes, are replaced whole.
 */
const mergeKeys: Readonly<Record<string, string>> = {
  "spec.containers": "name",
  "spec.initContainers": "name",
  "spec.volumes": "name",
  "spec.imagePullSecrets": "name",
  "status.conditions": "type",
  "status.containerStatuses": "name",
  "status.addresses": "type",
  "metadata.ownerReferences": "uid",
};

/** Strategic merge patch, as far as kubelets and this service use it: no directives but `$patch: delete` in entries. */
export function strategicMergePatch(target: JsonObject, patch: JsonObject, path = ""): JsonObject {
  const merged: Record<string, Json | undefined> = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    const here = path === "" ? key : `${path}.${key}`;
    const before = target[key];
    const mergeKey = mergeKeys[here];
    if (value === null) delete merged[key];
    else if (isJsonObject(value)) merged[key] = strategicMergePatch(isJsonObject(before) ? before : {}, value, here);
    else if (mergeKey !== undefined && Array.isArray(value)) merged[key] = mergeLists(before, value, mergeKey, here);
    else merged[key] = value;
  }
  return merged;
}

function mergeLists(before: Json | undefined, patch: readonly Json[], mergeKey: string, path: string): Json[] {
  const merged: Json[] = Array.isArray(before) ? [...before] : [];
  for (const entry of patch) {
    if (!isJsonObject(entry)) continue;
    const at = merged.findIndex((each) => isJsonObject(each) && each[mergeKey] === entry[mergeKey]);
    const existing = merged[at];
    if (entry["$patch"] === "delete") {
      if (at >= 0) merged.splice(at, 1);
    } else if (isJsonObject(existing)) {
      merged[at] = strategicMergePatch(existing, entry, path);
    } else {
      // Merged into nothing, so that fields that are null do not come to stand there.
      merged.push(strategicMergePatch({}, entry, path));
    }
  }
  return merged;
}

/** Applies a patch of the media type that the request names; 415 for the kinds that the simulation does not know. */
export function applyPatch(contentType: string, target: JsonObject, patch: JsonObject): JsonObject {
  switch (contentType.split(";")[0]) {
    case "application/merge-patch+json":
      return mergePatch(target, patch);
    case "application/strategic-merge-patch+json":
      return strategicMergePatch(target, patch);
    default:
      throw new ApiFailure(
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: " +
          "application/merge-patch+json, application/strategic-merge-patch+json",
      );
  }
}
