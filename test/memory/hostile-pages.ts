import type { IncomingMessage, ServerResponse } from "node:http";
import { createGzip } from "node:zlib";

type Page = (request: IncomingMessage, response: ServerResponse) => void;

const MIB = 1_024 * 1_024;
/** Below the limit of a page's bytes, so that the content is what it has to be refused for. */
const PAGE_BYTES = 60 * MIB;
const CHUNK_BYTES = 64 * 1_024;

/** Sends `front`, and then `unit` over and over, as fast as it is read. */
function flood(front: string, unit: string, bytes = PAGE_BYTES): Page {
  return (_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.on("error", () => undefined);
    response.write(front);
    const chunk = Buffer.from(unit.repeat(Math.ceil(CHUNK_BYTES / unit.length)));
    let sent = 0;
    const feed = (): void => {
      while (sent < bytes && !response.destroyed) {
        sent += chunk.length;
        if (!response.write(chunk)) {
          response.once("drain", feed);
          return;
        }
      }
      response.end();
    };
    feed();
  };
}

/** Tags without end, each another one, in pages of this size that point to the next. */
function endlessPages(size: number, nameLength: number): Page {
  let page = 0;
  return (_request, response) => {
    page += 1;
    const tags = Array.from({ length: size }, (_, at) => `t${page}_${at}`.padEnd(nameLength, "x"));
    response.setHeader("link", `</v2/x/tags/list?last=${page}&n=${size}>; rel="next"`);
    response.end(JSON.stringify({ tags }));
  };
}

function bomb(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
  const gzip = createGzip({ level: 9 });
  gzip.on("error", () => undefined);
  gzip.pipe(response);
  response.once("close", () => gzip.destroy());
  const blanks = Buffer.alloc(MIB, " ");
  const feed = (): void => {
    if (!response.destroyed && !gzip.destroyed) gzip.write(blanks, feed);
  };
  feed();
}

/** Every distinct short name there is in 60 MiB would be millions: the scanner has to stop at the limit of tags. */
function manyShortTags(_request: IncomingMessage, response: ServerResponse): void {
  response.end(`{"tags":[${Array.from({ length: 490_000 }, (_, at) => `"${at.toString(36)}"`).join(",")}]}`);
}

/** The worst pages that a registry can send in place of a list of tags. */
export const HOSTILE_PAGES: Readonly<Record<string, Page>> = {
  "60 MiB of []": flood("", "[]"),
  "60 MiB of {}": flood("", "{}"),
  "60 MiB of [[[[": flood('{"tags":', "["),
  "60 MiB of brackets beside the tags": flood('{"x":[', "[[[[]]]],"),
  "60 MiB of one name": flood('{"tags":["', "a"),
  "60 MiB of escapes": flood('{"tags":["', "\\u0061"),
  "60 MiB of one name, over and over": flood('{"tags":["a"', ',"a"'),
  "60 MiB of names that are too long": flood('{"tags":["a"', `,"${"b".repeat(4_000)}"`),
  "60 MiB of blanks": flood("{", " "),
  "490,000 short tags": manyShortTags,
  "pages of the longest tags, for ever": endlessPages(5_000, 128),
  "pages of one tag, for ever": endlessPages(1, 10),
  "a bomb": bomb,
};
