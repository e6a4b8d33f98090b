import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { sendText } from "./answer.ts";
import type { RequestHandler } from "./route.ts";

/** A notification with more bytes than this is refused: those of one push are a few thousand. */
const LARGEST_BODY = 1_048_576;

/** Header for senders that can set one, but not `Authorization`. */
const SECRET_HEADER = "x-labimages-secret";
/** GitHub's header: the body's HMAC with the secret as key. */
const SIGNATURE_HEADER = "x-hub-signature-256";

/** What the hook answers for. */
export interface RegistryHookOptions {
  /** The shared secret, read anew for each request so that it can be rotated. An empty one admits nobody. */
  readonly secret: () => string | Promise<string>;
  /** The repository whose pushes count, as the registry itself names it. */
  readonly repository: string;
  /** Called for each notification that may concern the repository. Must not throw or wait: throttling is its own. */
  readonly notify: () => void;
}

/**
 * Answers POST requests to `/hooks/registry` (api.md, HTTP): 202 for whoever knows the secret, 401 for others, 413 for
 * a body that is too large. The secret comes as `Authorization: Bearer SECRET`, as the password of
 * `Authorization: Basic`, as `X-LabImages-Secret: SECRET`, or as GitHub's signature of the body in
 * `X-Hub-Signature-256`; it is compared in constant time. A body in distribution's notification format counts only if
 * it tells of a manifest pushed to, or of something deleted from, our repository; any other is a hint.
 */
export function createRegistryHook(options: RegistryHookOptions): RequestHandler {
  return async (request, response) => {
    const secret = await options.secret();
    const signature = headerOf(request, SIGNATURE_HEADER);
    if (!isAdmitted(request, secret) && (signature === null || secret === "")) {
      sendText(request, response, 401, "the shared secret is missing or wrong", ["Connection", "close"]);
      return;
    }
    const body = await readBody(request);
    if (body === null) {
      sendText(request, response, 413, `a notification has at most ${LARGEST_BODY} bytes`, ["Connection", "close"]);
    } else if (!isAdmitted(request, secret) && !isSigned(body, signature, secret)) {
      sendText(request, response, 401, "the signature does not fit the body", ["Connection", "close"]);
    } else {
      if (concerns(body, options.repository)) options.notify();
      sendText(request, response, 202, "accepted");
    }
  };
}

function headerOf(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === "string" ? value : null;
}

/** Of hashes, which have one length: the time tells neither where two texts differ nor how long the secret is. */
function equal(given: string, expected: string): boolean {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(given), hash(expected));
}

function isAdmitted(request: IncomingMessage, secret: string): boolean {
  if (secret === "") return false;
  const [, scheme = "", text = ""] = /^(\S+) +(\S+)$/.exec(headerOf(request, "authorization") ?? "") ?? [];
  const password = Buffer.from(text, "base64")
    .toString("utf8")
    .replace(/^[^:]*:/, "");
  const given = [
    headerOf(request, SECRET_HEADER),
    scheme.toLowerCase() === "bearer" ? text : null,
    scheme.toLowerCase() === "basic" ? password : null,
  ];
  return given.some((one) => one !== null && equal(one, secret));
}

function isSigned(body: Buffer, signature: string | null, secret: string): boolean {
  const expected = `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
  return signature !== null && equal(signature.toLowerCase(), expected);
}

/** Null where the body is too large; what is read by then is thrown away. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  if (Number(request.headers["content-length"] ?? 0) > LARGEST_BODY) return null;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LARGEST_BODY) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The events of distribution's envelope, or null where the body is something else. */
function eventsIn(body: Buffer): readonly Readonly<Record<string, unknown>>[] | null {
  let document: unknown;
  try {
    document = JSON.parse(body.toString("utf8"));
  } catch {
    return null;
  }
  const events = isRecord(document) ? document["events"] : null;
  if (!Array.isArray(events)) return null;
  const ofTheForm = events
    .filter(isRecord)
    .filter(({ action, target }) => typeof action === "string" && isRecord(target));
  return ofTheForm.length === events.length ? ofTheForm : null;
}

/**
 * Whether an event changes what our tags mean. A push is told layer by layer before its manifest: a refresh for a layer
 * would come too early to see the tag, and make the manifest's wait. Pulls are told too, and mean nothing here.
 */
function changesTags(event: Readonly<Record<string, unknown>>, repository: string): boolean {
  const target = isRecord(event["target"]) ? event["target"] : {};
  if (target["repository"] !== repository) return false;
  if (event["action"] === "delete") return true;
  const isManifest = typeof target["tag"] === "string" || /manifest|index/.test(String(target["mediaType"]));
  return event["action"] === "push" && isManifest;
}

function concerns(body: Buffer, repository: string): boolean {
  const events = eventsIn(body);
  return events === null || events.some((event) => changesTags(event, repository));
}
