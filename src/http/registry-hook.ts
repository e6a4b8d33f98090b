import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpLimit } from "../domain/peer-limits.ts";
import type { Clock } from "../ports.ts";
import { createBodyReader, MAX_BODY_BYTES } from "./body-reader.ts";
import { concerns } from "./notification.ts";
import { sendText } from "./response.ts";
import type { RequestHandler } from "./route.ts";

/** Header for senders that can set one, but not `Authorization`. */
const SECRET_HEADER = "x-labimages-secret";
/** GitHub's header: the body's HMAC with the secret as key. */
const SIGNATURE_HEADER = "x-hub-signature-256";

/** Configuration and collaborators of the hook. */
export interface RegistryHookOptions {
  /** The shared secret, read again for each request so that it can be rotated. An empty one admits nobody. */
  readonly secret: () => string | Promise<string>;
  /** The repositories whose pushes count, as the registries themselves name them. */
  readonly repositories: ReadonlySet<string>;
  /** Called for each notification that may concern the repository. Must not throw or wait: throttling is its own. */
  readonly notify: () => void;
  readonly clock: Clock;
  /** A limit has cut or refused this peer. */
  readonly onLimit: (limit: HttpLimit, peer: string) => void;
}

/**
 * Serves POST requests to `/hooks/registry` (docs/spec/api.md, HTTP): 202 for whoever knows the secret, 401 for others, 413 for a body
 * that is too large, 408 for one that takes too long, 503 while too many are on their way. The secret comes as
 * `Authorization: Bearer SECRET`, as the password of `Authorization: Basic`, as `X-LabImages-Secret: SECRET`, or as GitHub's
 * signature of the body in `X-Hub-Signature-256`; it is compared in constant time. A body counts only if it concerns our
 * repository. One that is signed is hashed while it is read, since nothing is kept of whoever has not proven the secret: it
 * is a hint, whatever it says (field case F12).
 */
export function createRegistryHook({
  secret: readSecret,
  repositories,
  notify,
  clock,
  onLimit,
}: RegistryHookOptions): RequestHandler {
  const proven = createBodyReader(clock, onLimit);
  const unproven = createBodyReader(clock, onLimit);

  async function takeProven(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // In one piece from the start: a body in one-byte chunks would be a million pieces of memory.
    const body = Buffer.allocUnsafeSlow(MAX_BODY_BYTES);
    let length = 0;
    const isWhole = await proven.read(request, response, (chunk) => {
      length += chunk.copy(body, length);
    });
    if (!isWhole) return;
    if (concerns(body.subarray(0, length), repositories)) notify();
    sendText(request, response, 202, "accepted");
  }

  async function takeSigned(request: IncomingMessage, response: ServerResponse, secret: string): Promise<void> {
    const hash = createHmac("sha256", secret);
    if (!(await unproven.read(request, response, (chunk) => void hash.update(chunk)))) return;
    const signature = headerOf(request, SIGNATURE_HEADER) ?? "";
    if (!equal(signature.toLowerCase(), `sha256=${hash.digest("hex")}`)) {
      sendText(request, response, 401, "the signature does not fit the body", ["Connection", "close"]);
      return;
    }
    notify();
    sendText(request, response, 202, "accepted");
  }

  return async (request, response) => {
    const secret = await readSecret();
    if (secret !== "" && isAdmitted(request, secret)) await takeProven(request, response);
    else if (secret !== "" && headerOf(request, SIGNATURE_HEADER) !== null) await takeSigned(request, response, secret);
    else sendText(request, response, 401, "the shared secret is missing or wrong", ["Connection", "close"]);
  };
}

function headerOf(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === "string" ? value : null;
}

/** Of hashes, which have one length: the time reveals neither where two texts differ nor how long the secret is. */
function equal(given: string, expected: string): boolean {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(given), hash(expected));
}

function isAdmitted(request: IncomingMessage, secret: string): boolean {
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
