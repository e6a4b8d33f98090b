import { InvalidArgumentError, InvalidReferenceError } from "../../domain/errors.ts";
import { parseReference } from "../../domain/images/reference.ts";
import { isInRepository } from "../../domain/images/repository.ts";
import { classifyFailure } from "../../domain/prepull/classify-failure.ts";
import { PREPULL_STATES, type PrepullState } from "../../domain/snapshot/answers.ts";
import { quotePeer } from "../../lib/redact.ts";
import type { ReportPrepullRequest__Output } from "../gen/labimages/v1/ReportPrepullRequest.ts";
import { checkNodeName, checkText } from "../server/arguments.ts";
import { messageEncoder } from "../server/contract.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";
import { notAppliedReason } from "./not-applied.ts";

const encodeResponse = messageEncoder("labimages.v1.ReportPrepullResponse");
const MAX_REASON_LENGTH = 256;
const MAX_MESSAGE_LENGTH = 1_024;

/**
 * `ReportPrepull`: how far an outside prepuller has come. What is not ours, or what the node does not lack, is ignored
 * without error, as with `MarkPrepulled`.
 */
export function reportPrepull(context: ServiceContext): UnaryHandler<ReportPrepullRequest__Output> {
  const { commands, reader, settings } = context;
  return (request) => {
    const reference = parseReference(request.reference);
    const { digest } = reference;
    if (digest === null) throw new InvalidReferenceError("the reference has to carry the digest");
    const node = checkNodeName(request.node);
    const state = checkState(request.prepullState);
    const given = {
      reason: checkText("reason", request.reason, MAX_REASON_LENGTH),
      message: checkText("message", request.message, MAX_MESSAGE_LENGTH),
    };
    const snapshot = context.snapshot();
    const isOurs = snapshot.catalogs.some((catalog) => isInRepository(catalog, reference));
    const failureClass = state === "FAILED" ? classifyFailure(given.reason, given.message).failureClass : null;
    const [reason, message] = [quotePeer(given.reason), quotePeer(given.message)];
    const applied = isOurs && commands.reportPrepull({ digest, node, state, reason, message, failureClass });
    const stateField = context.stateField(reader.current());
    if (applied) return Buffer.concat([encodeResponse({ applied }), stateField]);
    const isBuiltIn = settings.prepullerEnabled && state !== "SUCCEEDED";
    const notApplied = notAppliedReason(snapshot, { isOurs, digest, node, isBuiltIn });
    return Buffer.concat([encodeResponse({ notAppliedReason: notApplied }), stateField]);
  };
}

/** Unknown numbers of the enum arrive as numbers, known ones as names. */
function checkState(value: unknown): PrepullState {
  const state = PREPULL_STATES.find((name) => value === `PREPULL_STATE_${name}`);
  if (state !== undefined) return state;
  throw new InvalidArgumentError(
    "prepull_state",
    `expected one of ${PREPULL_STATES.map((name) => `PREPULL_STATE_${name}`).join(", ")}`,
  );
}
