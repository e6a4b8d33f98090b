import { InvalidArgumentError, InvalidReferenceError } from "../../domain/errors.ts";
import { parseReference } from "../../domain/images/reference.ts";
import { isInRepository, repositoryOf } from "../../domain/images/repository.ts";
import { classifyFailure } from "../../domain/prepull/classify-failure.ts";
import { PREPULL_STATES, type PrepullState } from "../../domain/snapshot/answers.ts";
import { quotePeer } from "../../lib/redact.ts";
import type { ReportPrepullRequest__Output } from "../gen/labimages/v1/ReportPrepullRequest.ts";
import { boolField } from "../messages/wire.ts";
import { checkRequiredText, checkText, MAX_NAME_LENGTH } from "../server/arguments.ts";
import { fieldNumbers } from "../server/contract.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";

const field = fieldNumbers("labimages.v1.ReportPrepullResponse");
const MAX_REASON_LENGTH = 256;
const MAX_MESSAGE_LENGTH = 1_024;

/**
 * `ReportPrepull`: how far an outside prepuller has come. What is not ours, or what the node does not lack, is ignored
 * without error, as with `MarkPrepulled`.
 */
export function reportPrepull(context: ServiceContext): UnaryHandler<ReportPrepullRequest__Output> {
  const { commands, reader, settings } = context;
  const own = repositoryOf(settings.images.source);
  return (request) => {
    const reference = parseReference(request.reference);
    const { digest } = reference;
    if (digest === null) throw new InvalidReferenceError("the reference has to carry the digest");
    const node = checkRequiredText("node", request.node, MAX_NAME_LENGTH);
    const state = checkState(request.prepullState);
    const given = {
      reason: checkText("reason", request.reason, MAX_REASON_LENGTH),
      message: checkText("message", request.message, MAX_MESSAGE_LENGTH),
    };
    context.snapshot();
    const isOurs = isInRepository(own, reference);
    const failureClass = state === "FAILED" ? classifyFailure(given.reason, given.message).failureClass : null;
    const [reason, message] = [quotePeer(given.reason), quotePeer(given.message)];
    const applied = isOurs && commands.reportPrepull({ digest, node, state, reason, message, failureClass });
    return Buffer.concat([boolField(field("applied"), applied), context.stateField(reader.current())]);
  };
}

/** Unknown numbers of the enum arrive as numbers, known ones as names. */
function checkState(value: unknown): PrepullState {
  const state = PREPULL_STATES.find((name) => value === `PREPULL_STATE_${name}`);
  if (state !== undefined) return state;
  throw new InvalidArgumentError("prepull_state", `expected one of ${PREPULL_STATES.join(", ")}`);
}
