import type { IncomingMessage } from "node:http";
import { parseHostPort } from "../lib/net.ts";

/** What a request asks for, and under which name of the server. */
export interface RequestTarget {
  /** Without query; percent-encoded only where it has to be. `*` stands for the server as a whole. */
  readonly path: string;
  /** Empty where the request names none, which HTTP/1.0 and CONNECT alone may do. */
  readonly host: string;
}

/** Why a request is none. */
export interface TargetProblem {
  readonly status: 400 | 414;
  readonly text: string;
}

/** The longest target of a request, in characters. */
const MAX_TARGET_LENGTH = 2_048;

/** RFC 9112, section 3.2.2: the form that is sent to proxies, and that every server has to take. */
const ABSOLUTE_FORM = /^https?:\/\/([^/?#]*)([^?#]*)/i;
const ORIGIN_FORM = /^\/[^?#]*/;
const UNRESERVED = /[\w.~-]/;

/** Reads the target and the Host header of a request (RFC 9112, section 3.2). */
export function readTarget({ url = "", method, rawHeaders }: IncomingMessage): RequestTarget | TargetProblem {
  if (url.length > MAX_TARGET_LENGTH) return { status: 414, text: "the request's target is too long" };
  const hosts = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === "host");
  if (hosts.length > 1) return { status: 400, text: "there is more than one Host header" };
  const [, authority, absolutePath] = ABSOLUTE_FORM.exec(url) ?? [];
  const host = authority ?? hosts[0]?.trim() ?? "";
  if (host !== "" && parseHostPort(host) === null) return { status: 400, text: "the Host header names no host" };
  if (url === "*" && method === "OPTIONS") return { path: url, host };
  const path = absolutePath ?? ORIGIN_FORM.exec(url)?.[0];
  if (path === undefined || authority === "") return { status: 400, text: "the request's target is none" };
  const normal = normalize(path === "" ? "/" : path);
  return normal === null
    ? { status: 400, text: "the request's target is not encoded as it should be" }
    : { path: normal, host };
}

/** Percent-encodes nothing that needs none (RFC 3986, section 6.2.2.2); null where a percent sign encodes nothing. */
function normalize(path: string): string | null {
  if (/%(?![\da-f]{2})/i.test(path)) return null;
  return path.replace(/%[\da-f]{2}/gi, (code) => {
    const character = String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return UNRESERVED.test(character) ? character : code.toUpperCase();
  });
}
