import { z } from "zod";
import { InvalidReferenceError } from "../../../src/domain/errors.ts";
import { formatReference, parseReference } from "../../../src/domain/images/reference.ts";

const INPUT = z.object({ reference: z.string() });

/** `docker_reference`: an image reference, parsed and written back. */
export function runReference(testCase: unknown): unknown {
  try {
    const parts = parseReference(INPUT.parse(testCase).reference);
    return { ...parts, str: formatReference(parts) };
  } catch (error) {
    if (error instanceof InvalidReferenceError) return { error: true };
    throw error;
  }
}
