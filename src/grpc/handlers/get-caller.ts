import { PERMISSIONS } from "../../access/permissions.ts";
import type { GetCallerRequest__Output } from "../gen/labimages/v1/GetCallerRequest.ts";
import { messageEncoder } from "../server/contract.ts";
import { knownCaller } from "../server/known-callers.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";

const encodeResponse = messageEncoder("labimages.v1.GetCallerResponse");

const MESSAGES = {
  read: "PERMISSION_READ",
  prepull: "PERMISSION_PREPULL",
  refresh: "PERMISSION_REFRESH",
} as const;

/** `GetCaller`: who the caller is, and what it may do; where nobody has to be known, everything. */
export function getCaller({ reader, stateField }: ServiceContext): UnaryHandler<GetCallerRequest__Output> {
  return (_request, { metadata }) => {
    const caller = knownCaller(metadata);
    const permissions = PERMISSIONS.filter((each) => caller === null || caller.permissions.has(each));
    const message = { name: caller?.name ?? "", permissions: permissions.map((each) => MESSAGES[each]) };
    return Buffer.concat([encodeResponse(message), stateField(reader.current())]);
  };
}
