import { InvalidReferenceError } from "../../domain/errors.ts";
import { parseReference } from "../../domain/images/reference.ts";
import { isInRepository } from "../../domain/images/repository.ts";
import type { MarkPrepulledRequest__Output } from "../gen/labimages/v1/MarkPrepulledRequest.ts";
import { checkNodeName } from "../server/arguments.ts";
import { messageEncoder } from "../server/contract.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";
import { notAppliedReason } from "./not-applied.ts";

const encodeResponse = messageEncoder("labimages.v1.MarkPrepulledResponse");

/**
 * `MarkPrepulled`: an image has been pulled to a node. What is not ours, not in the prepull set or no longer a node is
 * ignored without error (docs/spec/look-ups.md).
 */
export function markPrepulled(context: ServiceContext): UnaryHandler<MarkPrepulledRequest__Output> {
  const { commands, reader } = context;
  return ({ reference: text, node }) => {
    const reference = parseReference(text);
    if (reference.digest === null) throw new InvalidReferenceError("the reference has to carry the digest");
    checkNodeName(node);
    const snapshot = context.snapshot();
    const { digest } = reference;
    const isOurs = snapshot.catalogs.some((catalog) => isInRepository(catalog, reference));
    const applied = isOurs && commands.markPrepulled(digest, node);
    const state = context.stateField(reader.current());
    if (applied) return Buffer.concat([encodeResponse({ applied }), state]);
    const reason = notAppliedReason(snapshot, { isOurs, digest, node, isBuiltIn: false });
    return Buffer.concat([encodeResponse({ notAppliedReason: reason }), state]);
  };
}
