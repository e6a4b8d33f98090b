/** Checks of what callers send: every failure is an InvalidArgumentError that names the field (faults.md G6). */
import { InvalidArgumentError } from "../../domain/errors.ts";
import { hasUnsafeCharacters } from "../messages/safe-text.ts";

/** Maximum length of a tag (OCI distribution specification). */
export const MAX_TAG_LENGTH = 128;
/** Maximum length of the name of a Kubernetes object; also of a gate's holder. */
export const MAX_NAME_LENGTH = 253;
const NODE_NAME = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
/** Maximum length of a gate's name. */
const MAX_GATE_LENGTH = 63;
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

/** The name of a node: a DNS subdomain, as Kubernetes has it (RFC 1123). */
export function checkNodeName(name: string): string {
  checkRequiredText("node", name, MAX_NAME_LENGTH);
  if (NODE_NAME.test(name)) return name;
  throw new InvalidArgumentError("node", "no node can have this name: lower-case letters, digits, - and . are allowed");
}

/** The name of a gate; may be empty. */
export function checkGate(gate: string): string {
  checkText("gate", gate, MAX_GATE_LENGTH);
  if (!/\s/.test(gate)) return gate;
  throw new InvalidArgumentError("gate", "gate has a blank");
}

/** What a caller has seen already. Null where it says nothing; the two belong together. */
export interface KnownState {
  readonly epoch: string;
  readonly generation: number;
}

/** Checks what a caller says to know, in these fields; generations start at 1, so that 0 is none. */
export function checkKnownState(
  epoch: string,
  generation: number,
  fields: { readonly epoch: string; readonly generation: string },
): KnownState | null {
  checkText(fields.epoch, epoch, MAX_NAME_LENGTH);
  if (epoch === "" && generation === 0) return null;
  if (epoch === "") {
    throw new InvalidArgumentError(fields.epoch, `${fields.generation} needs the epoch that it belongs to`);
  }
  if (generation === 0) {
    throw new InvalidArgumentError(
      fields.generation,
      `${fields.epoch} needs the generation that was seen last, from 1`,
    );
  }
  return { epoch, generation };
}

/** The number of entries that a page may hold (docs/spec/api.md, Paging). */
export function checkPageSize(pageSize: number): number {
  if (pageSize < 0) {
    throw new InvalidArgumentError("page_size", `page_size is ${pageSize}; expected 0 (for ${MAX_PAGE_SIZE}) or more`);
  }
  return pageSize === 0 ? MAX_PAGE_SIZE : Math.min(pageSize, MAX_PAGE_SIZE);
}
