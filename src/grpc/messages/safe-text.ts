/** Maximum length, in UTF-16 code units, of a text in a status or its details: trailers have to stay small. */
const MAX_TEXT_LENGTH = 1_024;

const CONTROL_CHARACTERS = /\p{Cc}+/gu;

/** Whether a text holds a control character or half a surrogate pair, which no name, tag or reference does. */
export function hasUnsafeCharacters(text: string): boolean {
  return !text.isWellFormed() || /\p{Cc}/u.test(text);
}

/**
 * A text that may travel in a header and in a protobuf string: well-formed (a lone surrogate in a status kills a
 * grpc-js server), without control characters, and not too long.
 */
export function safeText(text: string): string {
  const clean = text.toWellFormed().replace(CONTROL_CHARACTERS, " ");
  return clean.length <= MAX_TEXT_LENGTH ? clean : `${clean.slice(0, MAX_TEXT_LENGTH - 1).toWellFormed()}…`;
}
