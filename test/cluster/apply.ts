import { readFile } from "node:fs/promises";
import { parseAllDocuments } from "yaml";
import { type ApiClient, PATCH } from "./api-client.ts";

/** What of a manifest decides where it is sent. */
type Manifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly items?: readonly Manifest[];
};

type Resource = {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
};

const FIELD_MANAGER = "lab-images-tests";

/**
 * Does what `kubectl apply --server-side --force-conflicts` does, without kubectl: applies every document of a
 * manifest, in its order.
 *
 * @param source the path of a YAML file, or YAML itself (told apart by its line breaks)
 */
export async function applyManifests(api: ApiClient, source: string): Promise<void> {
  const text = source.includes("\n") ? source : await readFile(source, "utf8");
  for (const manifest of manifestsOf(text)) {
    const path = await objectPath(api, manifest);
    await api.request("PATCH", `${path}?fieldManager=${FIELD_MANAGER}&force=true`, {
      body: manifest,
      contentType: PATCH.apply,
    });
  }
}

function manifestsOf(text: string): Manifest[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) {
      throw document.errors[0];
    }
    const manifest = document.toJS() as Manifest | null;
    return manifest === null ? [] : (manifest.items ?? [manifest]);
  });
}

/** Asks the server, by discovery, for the plural and the scope of a kind: both are its to say. */
async function objectPath(api: ApiClient, manifest: Manifest): Promise<string> {
  const { apiVersion, kind, metadata } = manifest;
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const { resources } = await api.request<{ resources: Resource[] }>("GET", root);
  const resource = resources.find((each) => each.kind === kind && !each.name.includes("/"));
  if (resource === undefined) {
    throw new Error(`The API server knows no ${kind} in ${apiVersion}`);
  }
  const scope = resource.namespaced ? `/namespaces/${metadata.namespace ?? "default"}` : "";
  return `${root}${scope}/${resource.name}/${metadata.name}`;
}
