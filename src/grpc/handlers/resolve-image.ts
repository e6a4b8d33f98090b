import { InvalidArgumentError, UnknownImageError } from "../../domain/errors.ts";
import { IMAGE_CLASSES, type ImageClass } from "../../domain/images/image.ts";
import type { LookUp, ResolvedImage, Snapshot } from "../../domain/snapshot/snapshot.ts";
import { quotePeer } from "../../lib/redact.ts";
import type { ResolveImageRequest__Output } from "../gen/labimages/v1/ResolveImageRequest.ts";
import { encodeResolvedImage } from "../messages/image-message.ts";
import { type CachedResponse, createResponseCache, responseOf, withState } from "../messages/response-cache.ts";
import { delimited } from "../messages/wire.ts";
import { createUnchangedCheck } from "../paging/unchanged.ts";
import { checkRequiredText, checkText, MAX_NAME_LENGTH, MAX_TAG_LENGTH } from "../server/arguments.ts";
import { abortSignal, callerOf } from "../server/call.ts";
import { fieldNumbers } from "../server/contract.ts";
import type { ServiceContext } from "../server/service-context.ts";
import type { UnaryHandler } from "../server/unary-call.ts";

const field = fieldNumbers("labimages.v1.ResolveImageResponse");

/** Bytes of responses that are kept: those of the prepull set name every node, the others few. */
const KEPT_BYTES = 8 * 1_024 * 1_024;

/** `ResolveImage`: one image by class, reference or tag. */
export function resolveImage(context: ServiceContext): UnaryHandler<ResolveImageRequest__Output> {
  const cache = createResponseCache(context.reader, KEPT_BYTES);
  const unchanged = createUnchangedCheck(context);
  return (request, call) => {
    const key = keyOf(request);
    const snapshot = context.snapshot();
    const isKnown = unchanged(request, snapshot);
    const known = cache.find(snapshot, key);
    if (known !== undefined) return isKnown ?? withState(known, context.stateField(snapshot));
    const found = named(key, () => lookUp(snapshot, request));
    if (found.kind === "image") {
      const response = cache.add(snapshot, key, encode(found.resolved));
      return isKnown ?? withState(response, context.stateField(snapshot));
    }
    // Not kept, nor unchanged: tags move.
    return context.commands.resolveAtRegistry(snapshot, found, callerOf(call), abortSignal(call)).then(
      (resolved) => withState(encode(resolved), context.stateField(snapshot)),
      (error: unknown) => Promise.reject(namedError(key, error)),
    );
  };
}

function encode(resolved: ResolvedImage): CachedResponse {
  return responseOf(delimited(field("image"), encodeResolvedImage(resolved)));
}

function named<Result>(key: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw namedError(key, error);
  }
}

/** Names what was asked for in an UnknownImageError. */
function namedError(key: string, error: unknown): unknown {
  if (!(error instanceof UnknownImageError)) return error;
  return new UnknownImageError(`${error.message} (${quotePeer(key)})`, error.metadata);
}

/** The selector as text. Error: InvalidArgumentError unless exactly one is given. */
function keyOf({ imageClass, reference, tag, source }: ResolveImageRequest__Output): string {
  const given = Number(imageClass !== undefined) + Number(reference !== undefined) + Number(tag !== undefined);
  if (given !== 1) {
    throw new InvalidArgumentError("selector", `expected one of image_class, reference and tag, got ${given} of them`);
  }
  if (tag !== undefined) return `${source} tag ${tag}`;
  return reference !== undefined ? `${source} reference ${reference}` : `${source} class ${imageClass}`;
}

function lookUp(snapshot: Snapshot, request: ResolveImageRequest__Output): LookUp {
  const { imageClass, reference, tag } = request;
  const source = checkText("source", request.source, MAX_NAME_LENGTH);
  if (tag !== undefined) return snapshot.imageForTag(checkRequiredText("tag", tag, MAX_TAG_LENGTH), source);
  if (reference !== undefined) return snapshot.imageForReference(reference, source);
  return { kind: "image", resolved: snapshot.imageForClass(checkClass(imageClass), source) };
}

/** A number that the enum lacks stays a number in the decoded request. */
function checkClass(imageClass: string | number | undefined): ImageClass {
  const known = IMAGE_CLASSES.find((name) => `IMAGE_CLASS_${name}` === imageClass);
  if (known === undefined) {
    throw new InvalidArgumentError(
      "image_class",
      `expected one of ${IMAGE_CLASSES.map((name) => `IMAGE_CLASS_${name}`).join(", ")}`,
    );
  }
  return known;
}
