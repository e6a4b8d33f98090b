/**
 * The two messages of `google.devtools.artifactregistry.v1` that are sent and read, as bytes. A decoder makes objects of a
 * hundred bytes out of two; here a page costs its own bytes and the texts that are kept of it (field case F6).
 */

/** An image, as much of it as is read. */
export interface DockerImage {
  /** `LOCATION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE@DIGEST`; empty where it is longer than any that we can want. */
  readonly uri: string;
  /** Without those that are longer than a tag can be. */
  readonly tags: readonly string[];
  /** Zero where it is not known. */
  readonly imageSizeBytes: number;
  /** When it was pushed, in ms since the epoch; null where the API does not say. */
  readonly pushedAt: number | null;
}

/** One page of a listing. */
export interface ImagePage {
  readonly images: readonly DockerImage[];
  /** Empty after the last page. */
  readonly nextToken: string;
}

/** Bounds of a page. */
export interface PageBounds {
  readonly maxImages: number;
  readonly maxTags: number;
}

/** The bytes are no such page, or it is beyond the bounds; the message says what it is, after the host's name. */
export class ImagePageError extends Error {
  override readonly name = "ImagePageError";
}

const MAX_URI_BYTES = 2_048;
const MAX_TAG_BYTES = 128;
const MAX_TOKEN_BYTES = 8_192;
/** Fields of an image besides its tags: it has eleven, of which one is repeated for each platform. */
const FIELDS_AN_IMAGE = 50;

/** Wire types of protobuf. */
const VARINT = 0;
const FIXED_64 = 1;
const DELIMITED = 2;
const FIXED_32 = 5;

const LIST_REQUEST = { parent: 1, pageSize: 2, pageToken: 3 };
const LIST_RESPONSE = { dockerImages: 1, nextPageToken: 2 };
const DOCKER_IMAGE = { uri: 2, tags: 3, imageSizeBytes: 4, uploadTime: 5 };
const TIMESTAMP = { seconds: 1, nanos: 2 };

/** Encodes a `ListDockerImagesRequest`. */
export function encodeListRequest(parent: string, pageSize: number, pageToken: string): Buffer {
  const text = (field: number, value: string) => {
    const bytes = Buffer.from(value);
    return [varint(field * 8 + DELIMITED), varint(bytes.length), bytes];
  };
  return Buffer.concat([
    ...text(LIST_REQUEST.parent, parent),
    ...[varint(LIST_REQUEST.pageSize * 8 + VARINT), varint(pageSize)],
    ...text(LIST_REQUEST.pageToken, pageToken),
  ]);
}

/** Reads a `ListDockerImagesResponse`. Error: ImagePageError. */
export function readImagePage(bytes: Buffer, bounds: PageBounds): ImagePage {
  const images: DockerImage[] = [];
  let nextToken = "";
  let left = bounds.maxTags + FIELDS_AN_IMAGE * bounds.maxImages;
  const count = (): void => {
    left -= 1;
    if (left < 0) throw new ImagePageError("sends more fields a page than images and tags can have");
  };
  readFields(bytes, (field, value) => {
    count();
    if (typeof value === "number") return;
    if (field === LIST_RESPONSE.dockerImages) {
      if (images.length >= bounds.maxImages)
        throw new ImagePageError(`sends more than ${bounds.maxImages} images a page`);
      images.push(readImage(value, count));
    } else if (field === LIST_RESPONSE.nextPageToken) {
      if (value.length > MAX_TOKEN_BYTES) throw new ImagePageError("sends a page token without end");
      nextToken = value.toString("utf8");
    }
  });
  return { images, nextToken };
}

function readImage(bytes: Buffer, count: () => void): DockerImage {
  const tags: string[] = [];
  let uri = "";
  let imageSizeBytes = 0;
  let pushedAt: number | null = null;
  readFields(bytes, (field, value) => {
    count();
    if (typeof value === "number") {
      if (field === DOCKER_IMAGE.imageSizeBytes) imageSizeBytes = value;
    } else if (field === DOCKER_IMAGE.uri) {
      uri = value.length > MAX_URI_BYTES ? "" : value.toString("utf8");
    } else if (field === DOCKER_IMAGE.uploadTime) {
      pushedAt = readTime(value, count);
    } else if (field === DOCKER_IMAGE.tags && value.length > 0 && value.length <= MAX_TAG_BYTES) {
      tags.push(value.toString("utf8"));
    }
  });
  return { uri, tags, imageSizeBytes, pushedAt };
}

/** Reads a `google.protobuf.Timestamp`: ms since the epoch. */
function readTime(bytes: Buffer, count: () => void): number | null {
  const time = { seconds: 0, nanos: 0 };
  readFields(bytes, (field, value) => {
    count();
    if (typeof value !== "number") return;
    if (field === TIMESTAMP.seconds) time.seconds = value;
    else if (field === TIMESTAMP.nanos) time.nanos = value;
  });
  const milliseconds = time.seconds * 1_000 + Math.floor(time.nanos / 1_000_000);
  return time.seconds > 0 && Number.isSafeInteger(milliseconds) ? milliseconds : null;
}

/** Passes each field on: a number, or its bytes. Error: ImagePageError. */
function readFields(bytes: Buffer, onField: (field: number, value: number | Buffer) => void): void {
  let at = 0;

  /** Beyond 2^53 it is not exact, and nothing that is read may be as large. */
  function readVarint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at];
      if (byte === undefined || factor > 2 ** 63) throw malformed();
      at += 1;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }

  function take(length: number): Buffer {
    if (at + length > bytes.length) throw malformed();
    at += length;
    return bytes.subarray(at - length, at);
  }

  while (at < bytes.length) {
    const tag = readVarint();
    const field = Math.floor(tag / 8);
    const type = tag % 8;
    if (type === VARINT) onField(field, readVarint());
    else if (type === DELIMITED) onField(field, take(readVarint()));
    else if (type === FIXED_64) onField(field, take(8));
    else if (type === FIXED_32) onField(field, take(4));
    else throw malformed();
  }
}

function malformed(): ImagePageError {
  return new ImagePageError("answers with something else than a list of images");
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}
