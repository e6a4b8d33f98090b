import { status } from "@grpc/grpc-js";

/** How often a listing starts over because its snapshot is gone. */
const MAX_ATTEMPTS = 3;

/** An answer that may go on. */
export interface Page {
  readonly nextPageToken: string;
}

/**
 * The pages of one listing as one answer, all of one snapshot; starts over where that is gone (docs/spec/api.md, Paging). Lists,
 * however deep, hold what all pages have; what only the first page has, such as a configuration, is as it is there.
 */
export async function allPages<Answer extends Page>(ask: (pageToken: string) => Promise<Answer>): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await pagesFromStart(ask);
    } catch (error) {
      if (attempt === MAX_ATTEMPTS || !isAborted(error)) throw error;
    }
  }
}

async function pagesFromStart<Answer extends Page>(ask: (pageToken: string) => Promise<Answer>): Promise<Answer> {
  const whole = await ask("");
  let { nextPageToken } = whole;
  while (nextPageToken !== "") {
    const page = await ask(nextPageToken);
    ({ nextPageToken } = page);
    append(whole, page);
  }
  Reflect.set(whole, "nextPageToken", "");
  return whole;
}

/** Adds a later page's lists to those of the whole. */
function append(whole: object, page: object): void {
  for (const [key, part] of Object.entries(page)) {
    const value: unknown = Reflect.get(whole, key);
    if (Array.isArray(value) && Array.isArray(part)) for (const entry of part) value.push(entry);
    else if (isObject(value) && isObject(part)) append(value, part);
    else if (value === null || value === undefined) Reflect.set(whole, key, part);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isAborted(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === status.ABORTED;
}
