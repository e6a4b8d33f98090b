import type { RefreshRequest__Output } from "../gen/labimages/v1/RefreshRequest.ts";
import { abortSignal } from "../server/call.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";

/**
 * `Refresh`: responds when a refresh that started after the call has finished, with its state or its error; with `no_wait` at
 * once.
 */
export function refresh({ commands, reader, stateField }: ServiceContext): UnaryHandler<RefreshRequest__Output> {
  return ({ noWait }, call) => {
    const signal = noWait ? new AbortController().signal : abortSignal(call);
    const refreshed = commands.refresh("REQUESTED", signal);
    if (!noWait) return refreshed.then(() => stateField(reader.current()));
    // Its outcome is in the log and the status.
    refreshed.catch(() => undefined);
    return stateField(reader.current());
  };
}
