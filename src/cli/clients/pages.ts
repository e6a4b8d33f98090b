import { status } from "@grpc/grpc-js";

/** How often a listing starts over because its snapshot is gone. */
const MOST_ATTEMPTS = 3;

/** An answer that may go on. */
export interface Page {
  readonly nextPageToken: string;
}

/** All pages of one listing, which belong to one snapshot; starts over where that is gone (api.md, Paging). */
export async function allPages<Answer extends Page>(
  ask: (pageToken: string) => Promise<Answer>,
): Promise<readonly [Answer, ...Answer[]]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await pagesFromStart(ask);
    } catch (error) {
      if (attempt === MOST_ATTEMPTS || !isAborted(error)) throw error;
    }
  }
}

async function pagesFromStart<Answer extends Page>(
  ask: (pageToken: string) => Promise<Answer>,
): Promise<[Answer, ...Answer[]]> {
  let last = await ask("");
  const pages: [Answer, ...Answer[]] = [last];
  while (last.nextPageToken !== "") {
    last = await ask(last.nextPageToken);
    pages.push(last);
  }
  return pages;
}

function isAborted(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === status.ABORTED;
}
