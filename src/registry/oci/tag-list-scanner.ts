/** A text is no list of tags: not the JSON of one, or not whole. */
export class TagListFormError extends Error {
  override readonly name = "TagListFormError";
}

/** Reads the JSON of one page of tags, piece by piece. */
export interface TagListScanner {
  /** Takes the next bytes. Throws a TagListFormError as soon as the text can no longer become a list of tags. */
  push(chunk: Buffer): void;
  /** To be called after the last bytes. Throws a TagListFormError where the text is not whole. */
  end(): void;
}

/** Arrays and objects inside each other, at most: Google lists manifests beside the tags, four deep. */
const MAX_DEPTH = 8;
/** Bytes of a text that is looked at, at most: 128 characters, each written as `\uXXXX`. */
const MAX_TEXT_BYTES = 768;
/** Characters of a tag, at most (OCI Distribution Specification, Pulling manifests). */
const MAX_TAG_LENGTH = 128;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const ARRAY_START = 0x5b;
const ARRAY_END = 0x5d;
const OBJECT_START = 0x7b;
const OBJECT_END = 0x7d;
const LETTER_N = 0x6e;

/** The words of JSON by their first letters. */
const WORDS: ReadonlyMap<number, string> = new Map(["true", "false", "null"].map((word) => [word.charCodeAt(0), word]));

/** What comes next; `element` and `member` are what follows an opening bracket, which may be the closing one. */
type Expected =
  | "document"
  | "value"
  | "element"
  | "member"
  | "key"
  | "colon"
  | "comma"
  | "text"
  | "escape"
  | "number"
  | "word"
  | "nothing";

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Digits, signs, the point and the exponent. The form of a number is not checked: none is of interest. */
function isNumberByte(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2d || byte === 0x2e || (byte | 0x20) === 0x65;
}

function unescaped(text: string): string {
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    throw new TagListFormError("a text holds an escape that is none");
  }
}

/**
 * A scanner for the one shape `{"tags": [TEXT, …]}`, where `tags` may be null and other keys may hold anything. It keeps
 * nothing of what it has read, whatever its form, so that 60 MiB of brackets cost no memory, and are refused at the
 * first one that does not belong there (field case F6). `onName` is called with each element of `tags`, with null for one
 * that is longer than any tag; what it throws ends the scan.
 */
export function createTagListScanner(onName: (name: string | null) => void): TagListScanner {
  const containers: number[] = [];
  const held = Buffer.alloc(MAX_TEXT_BYTES);
  let expected: Expected = "document";
  /** The last key of the document itself. */
  let key: string | null = null;
  let hasTags = false;
  /** Of the text that is being read. */
  let isKey = false;
  let isOfInterest = false;
  let heldBytes = 0;
  let isEscaped = false;
  /** The word that is being read, and how much of it has come. */
  let word = "";
  let matched = 0;

  function fail(): never {
    throw new TagListFormError("the text is no list of tags");
  }

  function open(bracket: number): void {
    if (containers.length === MAX_DEPTH) fail();
    containers.push(bracket);
    expected = bracket === OBJECT_START ? "member" : "element";
  }

  function close(bracket: number): void {
    if (containers.pop() !== (bracket === OBJECT_END ? OBJECT_START : ARRAY_START)) fail();
    expected = containers.length === 0 ? "nothing" : "comma";
  }

  function beginText(asKey: boolean): void {
    isKey = asKey;
    isOfInterest = asKey ? containers.length === 1 : containers.length === 2 && key === "tags";
    heldBytes = 0;
    isEscaped = false;
    expected = "text";
  }

  function beginValue(byte: number): void {
    if (key === "tags" && containers.length === 1) {
      if (hasTags || (byte !== ARRAY_START && byte !== LETTER_N)) fail();
      hasTags = true;
    }
    if (key === "tags" && containers.length === 2 && byte !== QUOTE) fail();
    if (byte === QUOTE) beginText(false);
    else if (byte === ARRAY_START || byte === OBJECT_START) open(byte);
    else if (isNumberByte(byte) && byte !== 0x65 && byte !== 0x45) expected = "number";
    else {
      word = WORDS.get(byte) ?? fail();
      matched = 1;
      expected = "word";
    }
  }

  /** Keeps a piece of a text of interest, as far as there is room; one that is too long is marked by one byte more. */
  function hold(chunk: Buffer, from: number, to: number): void {
    if (!isOfInterest || heldBytes > MAX_TEXT_BYTES) return;
    chunk.copy(held, heldBytes, from, to);
    heldBytes = Math.min(heldBytes + to - from, MAX_TEXT_BYTES + 1);
  }

  /** The text whose last piece this is, or null where it is too long to be of interest. */
  function textWith(chunk: Buffer, from: number, to: number): string | null {
    let text: string;
    if (heldBytes === 0 && to - from <= MAX_TEXT_BYTES) text = chunk.toString("utf8", from, to);
    else {
      hold(chunk, from, to);
      if (heldBytes > MAX_TEXT_BYTES) return null;
      text = held.toString("utf8", 0, heldBytes);
    }
    return isEscaped ? unescaped(text) : text;
  }

  function endText(chunk: Buffer, from: number, to: number): void {
    expected = isKey ? "colon" : "comma";
    if (!isOfInterest) return;
    const text = textWith(chunk, from, to);
    if (isKey) key = text;
    else onName(text !== null && text.length <= MAX_TAG_LENGTH ? text : null);
  }

  /** Reads a text as far as the chunk goes; returns where the next byte is. */
  function readText(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at += 1) {
      const byte = chunk[at] ?? 0;
      if (byte === QUOTE) {
        endText(chunk, from, at);
        return at + 1;
      }
      if (byte < 0x20) fail();
      if (byte !== BACKSLASH) continue;
      isEscaped = true;
      at += 1;
      if (at === chunk.length) expected = "escape";
    }
    hold(chunk, from, chunk.length);
    return chunk.length;
  }

  function readWord(chunk: Buffer, from: number): number {
    if (chunk[from] !== word.charCodeAt(matched)) fail();
    matched += 1;
    if (matched === word.length) expected = "comma";
    return from + 1;
  }

  function readNumber(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length && isNumberByte(chunk[at] ?? 0)) at += 1;
    if (at < chunk.length) expected = "comma";
    return at;
  }

  function readMark(byte: number): void {
    switch (expected) {
      case "document":
        if (byte !== OBJECT_START) fail();
        open(byte);
        break;
      case "value":
        beginValue(byte);
        break;
      case "element":
        if (byte === ARRAY_END) close(byte);
        else beginValue(byte);
        break;
      case "member":
        if (byte === OBJECT_END) close(byte);
        else readKey(byte);
        break;
      case "key":
        readKey(byte);
        break;
      case "colon":
        if (byte !== COLON) fail();
        expected = "value";
        break;
      case "comma":
        if (byte === ARRAY_END || byte === OBJECT_END) close(byte);
        else if (byte !== COMMA) fail();
        else expected = containers.at(-1) === OBJECT_START ? "key" : "value";
        break;
      default:
        fail();
    }
  }

  function readKey(byte: number): void {
    if (byte !== QUOTE) fail();
    beginText(true);
  }

  /** Reads as much as belongs together; returns where the next byte is. */
  function read(chunk: Buffer, from: number): number {
    if (expected === "text") return readText(chunk, from);
    if (expected === "number") return readNumber(chunk, from);
    if (expected === "word") return readWord(chunk, from);
    if (expected === "escape") {
      hold(chunk, from, from + 1);
      expected = "text";
    } else {
      const byte = chunk[from] ?? 0;
      if (!isSpace(byte)) readMark(byte);
    }
    return from + 1;
  }

  return {
    push(chunk) {
      for (let at = 0; at < chunk.length; ) at = read(chunk, at);
    },
    end() {
      if (expected !== "nothing" || !hasTags) fail();
    },
  };
}
