import { PREPULL_STATES, type PrepullState } from "../../domain/answers.ts";
import { InvalidArgumentError, InvalidReferenceError } from "../../domain/errors.ts";
import { parseReference } from "../../domain/reference.ts";
import { checkRequiredText, checkText, LONGEST_NAME } from "../arguments.ts";
import { REPORT_PREPULL_FIELD } from "../field-numbers.ts";
import type { ReportPrepullRequest__Output } from "../gen/labimages/v1/ReportPrepullRequest.ts";
import { isOwnRepository } from "../own-repository.ts";
import type { ServiceContext } from "../service-context.ts";
import type { UnaryHandler } from "../unary-call.ts";
import { boolField } from "../wire.ts";

const LONGEST_REASON = 256;
const LONGEST_MESSAGE = 1_024;

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
    const node = checkRequiredText("node", request.node, LONGEST_NAME);
    const state = checkState(request.prepullState);
    const reason = checkText("reason", request.reason, LONGEST_REASON);
    const message = checkText("message", request.message, LONGEST_MESSAGE);
    context.snapshot();
    const isOurs = isOwnRepository(settings.images.source, reference);
    const applied = isOurs && commands.reportPrepull({ digest, node, state, reason, message });
    return Buffer.concat([boolField(REPORT_PREPULL_FIELD.applied, applied), context.stateField(reader.current())]);
  };
}

/** Unknown numbers of the enum arrive as numbers, known ones as names. */
function checkState(value: unknown): PrepullState {
  const state = PREPULL_STATES.find((name) => value === `PREPULL_STATE_${name}`);
  if (state !== undefined) return state;
  throw new InvalidArgumentError("prepull_state", `expected one of ${PREPULL_STATES.join(", ")}`);
}
