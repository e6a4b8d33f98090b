/**
 * Order of texts by Unicode code point, as the rules say and as other languages sort; JavaScript's own `<` goes by
 * UTF-16 code unit and puts U+10000 and above before U+E000. Negative where `a` is first, 0 where they are the same.
 */
export function compareCodePoints(a: string, b: string): number {
  if (a === b) return 0;
  const shorter = Math.min(a.length, b.length);
  let index = 0;
  while (index < shorter && a.charCodeAt(index) === b.charCodeAt(index)) index++;
  if (index > 0) {
    // The difference may be in the second half of a surrogate pair, which is no code point by itself.
    const pairs = codePoint(a, index - 1) - codePoint(b, index - 1);
    if (pairs !== 0) return pairs;
  }
  return codePoint(a, index) - codePoint(b, index);
}

/** The code point at an index, or -1 after the end: a text sorts before its continuations. */
function codePoint(text: string, index: number): number {
  return text.codePointAt(index) ?? -1;
}

/** Order by the number that digits spell, of any length; leading zeros do not count. Negative where `a` is smaller. */
export function compareDigits(a: string, b: string): number {
  const left = stripLeadingZeros(a);
  const right = stripLeadingZeros(b);
  return left.length - right.length || compareCodePoints(left, right);
}

/** The digits without zeros in front; the last digit stays. */
export function stripLeadingZeros(digits: string): string {
  let start = 0;
  while (start < digits.length - 1 && digits.charCodeAt(start) === 0x30) start++;
  return start === 0 ? digits : digits.slice(start);
}
