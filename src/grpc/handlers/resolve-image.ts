import { InvalidArgumentError } from "../../domain/errors.ts";
import { IMAGE_CLASSES, type ImageClass } from "../../domain/images/image.ts";
import type { LookUp, ResolvedImage, Snapshot } from "../../domain/snapshot/snapshot.ts";
import type { ResolveImageRequest__Output } from "../gen/labimages/v1/ResolveImageRequest.ts";
import { type Answer, answerOf, createAnswerCache, withState } from "../messages/answer.ts";
import { RESOLVE_IMAGE_FIELD } from "../messages/field-numbers.ts";
import { encodeResolvedImage } from "../messages/image-message.ts";
import { delimited } from "../messages/wire.ts";
import { checkText, LONGEST_TAG } from "../server/arguments.ts";
import { abortSignal } from "../server/call.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";

/** Bytes of answers that are kept: those of the prepull set name every node, the others few. */
const KEPT_BYTES = 8 * 1_024 * 1_024;

/** `ResolveImage`: one image by class, reference or tag. */
export function resolveImage(context: ServiceContext): UnaryHandler<ResolveImageRequest__Output> {
  const cache = createAnswerCache(KEPT_BYTES);
  return (request, call) => {
    const question = questionOf(request);
    const snapshot = context.snapshot();
    const known = cache.find(snapshot, question);
    if (known !== undefined) return withState(known, context.stateField(snapshot));
    const found = lookUp(snapshot, request);
    if (found.kind === "image") {
      return withState(cache.add(snapshot, question, encode(found.resolved)), context.stateField(snapshot));
    }
    // Not kept: tags move.
    return context.commands
      .resolveAtRegistry(snapshot, found.tag, abortSignal(call))
      .then((resolved) => withState(encode(resolved), context.stateField(snapshot)));
  };
}

function encode(resolved: ResolvedImage): Answer {
  return answerOf(delimited(RESOLVE_IMAGE_FIELD.image, encodeResolvedImage(resolved)));
}

/** What is asked, as one text. Error: InvalidArgumentError where it is nothing, or more than one thing. */
function questionOf({ imageClass, reference, tag }: ResolveImageRequest__Output): string {
  const given = Number(imageClass !== undefined) + Number(reference !== undefined) + Number(tag !== undefined);
  if (given !== 1) {
    throw new InvalidArgumentError("selector", `expected one of image_class, reference and tag, got ${given} of them`);
  }
  if (tag !== undefined) return `tag ${tag}`;
  return reference !== undefined ? `reference ${reference}` : `class ${imageClass}`;
}

function lookUp(snapshot: Snapshot, { imageClass, reference, tag }: ResolveImageRequest__Output): LookUp {
  if (tag !== undefined) return snapshot.imageForTag(checkText("tag", tag, LONGEST_TAG));
  if (reference !== undefined) return snapshot.imageForReference(reference);
  return { kind: "image", resolved: snapshot.imageForClass(checkClass(imageClass)) };
}

/** A number that the enum does not have stays a number in the decoded request. */
function checkClass(imageClass: string | number | undefined): ImageClass {
  const known = IMAGE_CLASSES.find((name) => `IMAGE_CLASS_${name}` === imageClass);
  if (known === undefined) {
    throw new InvalidArgumentError("image_class", `expected one of ${IMAGE_CLASSES.join(", ")}`);
  }
  return known;
}
