/** Checks of what callers send: every failure is an InvalidArgumentError that names the field (faults.md G6). */
import { InvalidArgumentError } from "../../domain/errors.ts";
import { hasUnsafeCharacters } from "../messages/safe-text.ts";

/** Maximum length of a tag (OCI distribution specification). */
export const MAX_TAG_LENGTH = 128;
/** Maximum length of the name of a Kubernetes object; also of a gate's holder. */
export const MAX_NAME_LENGTH = 253;
/** Maximum length of a gate's name. */
export const MAX_GATE_LENGTH = 63;
/** What `page_size` 0 means, and the most that it may ask for. */
const MAX_PAGE_SIZE = 1_000;

/** A text that may be empty, of at most `maxLength` UTF-16 code units and without control characters. */
export function checkText(field: string, text: string, maxLength: number): string {
  if (text.length > maxLength) {
    throw new InvalidArgumentError(field, `${field} has ${text.length} characters, at most ${maxLength} are allowed`);
  }
  if (hasUnsafeCharacters(text)) {
    throw new InvalidArgumentError(field, `${field} has a control character or is no valid text`);
  }
  return text;
}

/** As `checkText`, and not empty. */
export function checkRequiredText(field: string, text: string, maxLength: number): string {
  if (text === "") throw new InvalidArgumentError(field, `${field} is empty`);
  return checkText(field, text, maxLength);
}

/** The number of entries that a page may hold (docs/spec/api.md, Paging). */
export function checkPageSize(pageSize: number): number {
  if (pageSize < 0) {
    throw new InvalidArgumentError("page_size", `page_size is ${pageSize}; expected 0 (for ${MAX_PAGE_SIZE}) or more`);
  }
  return pageSize === 0 ? MAX_PAGE_SIZE : Math.min(pageSize, MAX_PAGE_SIZE);
}
