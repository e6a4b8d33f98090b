import { InvalidReferenceError } from "../../domain/errors.ts";
import { parseReference } from "../../domain/images/reference.ts";
import { isInRepository, repositoryOf } from "../../domain/images/repository.ts";
import type { MarkPrepulledRequest__Output } from "../gen/labimages/v1/MarkPrepulledRequest.ts";
import { boolField } from "../messages/wire.ts";
import { checkRequiredText, MAX_NAME_LENGTH } from "../server/arguments.ts";
import { fieldNumbers } from "../server/contract.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";

const field = fieldNumbers("labimages.v1.MarkPrepulledResponse");

/**
 * `MarkPrepulled`: an image has been pulled to a node. What is not ours, not in the prepull set or no longer a node is
 * ignored without error (docs/spec/look-ups.md).
 */
export function markPrepulled(context: ServiceContext): UnaryHandler<MarkPrepulledRequest__Output> {
  const { commands, reader, settings } = context;
  const own = repositoryOf(settings.images.source);
  return ({ reference: text, node }) => {
    const reference = parseReference(text);
    if (reference.digest === null) throw new InvalidReferenceError("the reference has to carry the digest");
    checkRequiredText("node", node, MAX_NAME_LENGTH);
    context.snapshot();
    const applied = isInRepository(own, reference) && commands.markPrepulled(reference.digest, node);
    return Buffer.concat([boolField(field("applied"), applied), context.stateField(reader.current())]);
  };
}
