import { InvalidReferenceError } from "../../domain/errors.ts";
import { parseReference } from "../../domain/images/reference.ts";
import { isInRepository, repositoryOf } from "../../domain/images/repository.ts";
import type { MarkPrepulledRequest__Output } from "../gen/labimages/v1/MarkPrepulledRequest.ts";
import { MARK_PREPULLED_FIELD } from "../messages/field-numbers.ts";
import { boolField } from "../messages/wire.ts";
import { checkRequiredText, LONGEST_NAME } from "../server/arguments.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";

/**
 * `MarkPrepulled`: an image has been pulled to a node. What is not ours, not in the prepull set or not a node any more is
 * ignored without error (docs/spec/look-ups.md).
 */
export function markPrepulled(context: ServiceContext): UnaryHandler<MarkPrepulledRequest__Output> {
  const { commands, reader, settings } = context;
  const own = repositoryOf(settings.images.source);
  return ({ reference: text, node }) => {
    const reference = parseReference(text);
    if (reference.digest === null) throw new InvalidReferenceError("the reference has to carry the digest");
    checkRequiredText("node", node, LONGEST_NAME);
    context.snapshot();
    const applied = isInRepository(own, reference) && commands.markPrepulled(reference.digest, node);
    return Buffer.concat([boolField(MARK_PREPULLED_FIELD.applied, applied), context.stateField(reader.current())]);
  };
}
