/** The table of methods and permissions (docs/access.md): what is not in it, nobody may call. */

/** What a caller may do: read the state; work as a prepuller; start a refresh. */
export type Permission = "read" | "prepull" | "refresh";

export const PERMISSIONS: readonly Permission[] = ["read", "prepull", "refresh"];

/** What the configuration may open to everybody (`grpc.auth.public`). */
export type PublicService = "health" | "reflection";

/** What a method needs: a permission, or any of them for callers that are known. */
export type Requirement = Permission | "any";

const IMAGE_SERVICE = "/labimages.v1.ImageService/";

const METHODS: ReadonlyMap<string, Requirement> = new Map([
  [`${IMAGE_SERVICE}ResolveImage`, "read"],
  [`${IMAGE_SERVICE}ListImages`, "read"],
  [`${IMAGE_SERVICE}GetMenu`, "read"],
  [`${IMAGE_SERVICE}GetPrepullStatus`, "read"],
  [`${IMAGE_SERVICE}WatchPrepullStatus`, "read"],
  [`${IMAGE_SERVICE}ListMissingImages`, "prepull"],
  [`${IMAGE_SERVICE}MarkPrepulled`, "prepull"],
  [`${IMAGE_SERVICE}ReportPrepull`, "prepull"],
  [`${IMAGE_SERVICE}WaitForRefresh`, "prepull"],
  [`${IMAGE_SERVICE}Refresh`, "refresh"],
  [`${IMAGE_SERVICE}GetCaller`, "any"],
]);

const PUBLIC_SERVICES: readonly (readonly [string, PublicService])[] = [
  ["/grpc.health.v1.Health/", "health"],
  ["/grpc.reflection.v1.ServerReflection/", "reflection"],
  ["/grpc.reflection.v1alpha.ServerReflection/", "reflection"],
];

/** Methods that change something: who calls them is logged. */
export const CHANGING_METHODS: ReadonlySet<string> = new Set(
  ["MarkPrepulled", "ReportPrepull", "WaitForRefresh", "Refresh"].map((name) => IMAGE_SERVICE + name),
);

/** What the method of this path needs: null for nothing, undefined where the table does not have it. */
export function requirementOf(path: string, open: readonly PublicService[]): Requirement | null | undefined {
  const known = METHODS.get(path);
  if (known !== undefined) return known;
  const [, service] = PUBLIC_SERVICES.find(([prefix]) => path.startsWith(prefix)) ?? [];
  if (service === undefined) return undefined;
  return open.includes(service) ? null : "any";
}
