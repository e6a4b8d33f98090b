import { InvalidReferenceError } from "../../domain/errors.ts";
import { parseReference } from "../../domain/reference.ts";
import { checkRequiredText, LONGEST_NAME } from "../arguments.ts";
import { MARK_PREPULLED_FIELD } from "../field-numbers.ts";
import type { MarkPrepulledRequest__Output } from "../gen/labimages/v1/MarkPrepulledRequest.ts";
import { isOwnRepository } from "../own-repository.ts";
import type { ServiceContext } from "../service-context.ts";
import type { UnaryHandler } from "../unary-call.ts";
import { boolField } from "../wire.ts";

/**
 * `MarkPrepulled`: an image has been pulled to a node. What is not ours, not in the prepull set or not a node any more is
 * ignored without error (behaviour.md section 5).
 */
export function markPrepulled(context: ServiceContext): UnaryHandler<MarkPrepulledRequest__Output> {
  const { commands, reader, settings } = context;
  return ({ reference: text, node }) => {
    const reference = parseReference(text);
    if (reference.digest === null) throw new InvalidReferenceError("the reference has to carry the digest");
    checkRequiredText("node", node, LONGEST_NAME);
    context.snapshot();
    const applied =
      isOwnRepository(settings.images.source, reference) && commands.markPrepulled(reference.digest, node);
    return Buffer.concat([boolField(MARK_PREPULLED_FIELD.applied, applied), context.stateField(reader.current())]);
  };
}
