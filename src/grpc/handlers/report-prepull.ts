import { InvalidArgumentError, InvalidReferenceError } from "../../domain/errors.ts";
import { parseReference } from "../../domain/images/reference.ts";
import { isInRepository, repositoryOf } from "../../domain/images/repository.ts";
import { classifyFailure } from "../../domain/prepull/classify-failure.ts";
import { PREPULL_STATES, type PrepullState } from "../../domain/snapshot/answers.ts";
import { quotePeer } from "../../lib/redact.ts";
import type { ReportPrepullRequest__Output } from "../gen/labimages/v1/ReportPrepullRequest.ts";
import { REPORT_PREPULL_FIELD } from "../messages/field-numbers.ts";
import { boolField } from "../messages/wire.ts";
import { checkRequiredText, checkText, LONGEST_NAME } from "../server/arguments.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";

const LONGEST_REASON = 256;
const LONGEST_MESSAGE = 1_024;

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
    const node = checkRequiredText("node", request.node, LONGEST_NAME);
    const state = checkState(request.prepullState);
    const given = {
      reason: checkText("reason", request.reason, LONGEST_REASON),
      message: checkText("message", request.message, LONGEST_MESSAGE),
    };
    context.snapshot();
    const isOurs = isInRepository(own, reference);
    const failureClass = state === "FAILED" ? classifyFailure(given.reason, given.message).failureClass : null;
    const [reason, message] = [quotePeer(given.reason), quotePeer(given.message)];
    const applied = isOurs && commands.reportPrepull({ digest, node, state, reason, message, failureClass });
    return Buffer.concat([boolField(REPORT_PREPULL_FIELD.applied, applied), context.stateField(reader.current())]);
  };
}

/** Unknown numbers of the enum arrive as numbers, known ones as names. */
function checkState(value: unknown): PrepullState {
  const state = PREPULL_STATES.find((name) => value === `PREPULL_STATE_${name}`);
  if (state !== undefined) return state;
  throw new InvalidArgumentError("prepull_state", `expected one of ${PREPULL_STATES.join(", ")}`);
}
