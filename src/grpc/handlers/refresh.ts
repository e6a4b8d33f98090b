import type { RefreshRequest__Output } from "../gen/labimages/v1/RefreshRequest.ts";
import { abortSignal } from "../server/call.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";

/** `Refresh`: responds when a refresh that started after the call has finished, with its state or its error. */
export function refresh({ commands, reader, stateField }: ServiceContext): UnaryHandler<RefreshRequest__Output> {
  return (_request, call) => commands.refresh("REQUESTED", abortSignal(call)).then(() => stateField(reader.current()));
}
