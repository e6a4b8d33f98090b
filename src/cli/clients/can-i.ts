import type { GetCallerResponse__Output as GetCallerResponse } from "../../grpc/gen/labimages/v1/GetCallerResponse.ts";
import type { ImageServiceClient } from "../../grpc/gen/labimages/v1/ImageService.ts";
import type { CallerPermission } from "../command.ts";
import { ask, deadline } from "./image-service.ts";
import { printable, type Report } from "./report.ts";

const PERMISSIONS = {
  read: "PERMISSION_READ",
  prepull: "PERMISSION_PREPULL",
  refresh: "PERMISSION_REFRESH",
} as const;

/** The report of `lab-images auth can-i`, and whether the caller has the permission. */
export async function reportCanI(
  client: ImageServiceClient,
  signal: AbortSignal,
  permission: CallerPermission,
): Promise<Report & { readonly isAllowed: boolean }> {
  const { name, permissions } = await ask<GetCallerResponse>(signal, (callback) =>
    client.getCaller({}, deadline(), callback),
  );
  const isAllowed = permissions.includes(PERMISSIONS[permission]);
  const who = name === "" ? "everybody, since no callers are configured" : printable(name);
  return { json: { name, permission, allowed: isAllowed }, text: `${isAllowed ? "yes" : "no"}: ${who}`, isAllowed };
}
