import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import { getCaller } from "../handlers/get-caller.ts";
import { getMenu } from "../handlers/get-menu.ts";
import { getPrepullStatus } from "../handlers/get-prepull-status.ts";
import { listImages } from "../handlers/list-images.ts";
import { listMissingImages } from "../handlers/list-missing-images.ts";
import { markPrepulled } from "../handlers/mark-prepulled.ts";
import { refresh } from "../handlers/refresh.ts";
import { reportPrepull } from "../handlers/report-prepull.ts";
import { resolveImage } from "../handlers/resolve-image.ts";
import { waitForRefresh } from "../handlers/wait-for-refresh.ts";
import { watchPrepullStatus } from "../handlers/watch-prepull-status.ts";
import type { ServiceContext } from "./service-context.ts";
import { type StreamDeps, type StreamHandler, streamCall } from "./stream-call.ts";
import { type UnaryHandler, unaryCall } from "./unary-call.ts";

/** The full name of the service. */
export const IMAGE_SERVICE = "labimages.v1.ImageService";

/**
 * Every method of the service, wrapped. grpc-js would answer UNIMPLEMENTED for a method that is missing here.
 */
export function imageService(context: ServiceContext, deps: StreamDeps): UntypedServiceImplementation {
  function unary<Request>(method: string, handler: UnaryHandler<Request>) {
    return unaryCall(`${IMAGE_SERVICE}/${method}`, handler, deps);
  }
  function stream<Request>(method: string, handler: StreamHandler<Request>) {
    return streamCall(`${IMAGE_SERVICE}/${method}`, handler, deps);
  }
  return {
    ResolveImage: unary("ResolveImage", resolveImage(context)),
    ListImages: unary("ListImages", listImages(context)),
    GetMenu: unary("GetMenu", getMenu(context)),
    ListMissingImages: unary("ListMissingImages", listMissingImages(context)),
    GetPrepullStatus: unary("GetPrepullStatus", getPrepullStatus(context)),
    WatchPrepullStatus: stream("WatchPrepullStatus", watchPrepullStatus(context)),
    MarkPrepulled: unary("MarkPrepulled", markPrepulled(context)),
    ReportPrepull: unary("ReportPrepull", reportPrepull(context)),
    WaitForRefresh: stream("WaitForRefresh", waitForRefresh(context)),
    Refresh: unary("Refresh", refresh(context)),
    GetCaller: unary("GetCaller", getCaller(context)),
  };
}
