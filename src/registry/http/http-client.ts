import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { LabImagesError, RegistryUnavailableError } from "../../domain/errors.ts";
import { pause, startDeadline } from "../../lib/abort.ts";
import { createSemaphore, type Semaphore } from "../../lib/concurrency.ts";
import { request as undiciRequest } from "../../lib/undici.ts";
import type { Clock, Logger } from "../../ports.ts";
import { errorCode } from "../oci/error-code.ts";
import type { RegistryLimits } from "../oci/limits.ts";
import { BodyEncodingError, BodyTooLargeError, readBody, streamBody } from "./body.ts";
import type { Dispatchers } from "./dispatchers.ts";
import { backoffMs, retryAfterMs, transientStatuses } from "./retry.ts";

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Of the answer's body, inflated. */
  readonly maxBytes: number;
  /**
   * Returns what reads the body of a 200 piece by piece; it is called once for each try, with the answer's headers. The
   * answer's own body is empty then. A LabImagesError that the reader throws ends the request, without another try.
   */
  readonly reader?: ((header: HttpAnswer["header"]) => BodyReader) | undefined;
}

/** Reads one body in pieces, so that a large one is never held as a whole. */
export type BodyReader = (chunk: Buffer) => void;

export interface HttpAnswer {
  readonly status: number;
  /** All values of a header, joined by commas; null where there is none. */
  header(name: string): string | null;
  /** Empty for HEAD, and where it was read in pieces. Of a failure at most 64 KiB are kept: a longer one is empty. */
  readonly body: Buffer;
}

/** Told of every request, for metrics. */
export interface RequestObserver {
  /** One try: `status` is null where no answer came. */
  request(host: string, method: string, status: number | null, seconds: number): void;
  /** One more try follows, because of this: a status, `timeout`, or a network error's code. */
  retried(reason: string): void;
}

/**
 * Sends requests with everything that keeps a bad peer from hurting: a deadline for the whole exchange, a cap on the
 * answer, so many at one time per host, more tries with growing pauses, and respect for `Retry-After`. It follows no
 * redirects and knows no credentials.
 */
export interface HttpClient {
  /**
   * The answer, whatever its status, unless that is one that goes away by itself and has not. Rejects with a
   * RegistryUnavailableError, or with the signal's reason.
   */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>;
}

export interface HttpClientOptions {
  readonly dispatchers: Dispatchers;
  readonly limits: RegistryLimits;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly observe?: RequestObserver | undefined;
}

/** What one try came to. */
type Outcome =
  | { readonly answer: HttpAnswer }
  | { readonly failed: string; readonly label: string; readonly again: boolean; readonly cause: unknown };

/** What is kept about a host. */
interface HostState {
  readonly places: Semaphore;
  /** `Clock.monotonicTime` before which nothing is sent, by the host's own wish. */
  heldUntil: number;
}

function headerIn(headers: IncomingHttpHeaders): HttpAnswer["header"] {
  return (name) => {
    const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
    return (Array.isArray(value) ? value.join(", ") : value) ?? null;
  };
}

interface Told {
  readonly expired: boolean;
  /** Whether the answer had begun. */
  readonly answered: boolean;
  readonly request: HttpRequest;
  readonly limits: RegistryLimits;
}

/** Says in our own words what a library reported. */
function failure(error: unknown, tell: Told): Outcome {
  const { expired, answered, request, limits } = tell;
  if (expired) {
    const failed = `does not answer within ${limits.requestTimeoutMs / 1_000} s`;
    return { failed, label: "timeout", again: true, cause: undefined };
  }
  if (error instanceof BodyTooLargeError) {
    return {
      failed: `answers with more than ${request.maxBytes} bytes`,
      label: "size",
      again: false,
      cause: undefined,
    };
  }
  if (error instanceof BodyEncodingError) {
    return {
      failed: "answers in an encoding that was not asked for",
      label: "encoding",
      again: false,
      cause: undefined,
    };
  }
  const code = errorCode(error);
  const failed = answered ? `breaks off its answer (${code})` : `cannot be reached (${code})`;
  return { failed, label: code, again: true, cause: error };
}

/** The most of a failure's body that is kept, in bytes: it holds a code and a sentence. */
const MAX_FAILURE_BYTES = 64 * 1_024;

async function readAnswer(
  { status, header, body }: Pick<HttpAnswer, "status" | "header"> & { readonly body: Readable },
  { method, maxBytes, reader }: HttpRequest,
): Promise<Buffer> {
  const encoding = method === "HEAD" ? "" : (header("content-encoding") ?? "");
  if (status !== 200) {
    try {
      return await readBody(body, encoding, MAX_FAILURE_BYTES);
    } catch (error) {
      if (error instanceof BodyTooLargeError) return Buffer.alloc(0);
      throw error;
    }
  }
  if (reader === undefined) return await readBody(body, encoding, maxBytes);
  await streamBody(body, encoding, maxBytes, reader(header));
  return Buffer.alloc(0);
}

/** One try, without retries. Rejects only with the signal's reason. */
async function exchange(options: HttpClientOptions, request: HttpRequest, signal: AbortSignal): Promise<Outcome> {
  const { clock, limits } = options;
  const deadline = startDeadline(clock, limits.requestTimeoutMs, signal);
  const startedAt = clock.monotonicTime();
  let status: number | null = null;
  try {
    const response = await undiciRequest(request.url, {
      method: request.method,
      headers: { "user-agent": "lab-images", "accept-encoding": "identity", ...request.headers },
      body: request.body ?? null,
      dispatcher: options.dispatchers.for(request.url),
      signal: deadline.signal,
      // Undici closes a connection after HEAD by default, for servers that send a body all the same; that would cost
      // one handshake for each tag of a refresh.
      reset: false,
    });
    status = response.statusCode;
    const header = headerIn(response.headers);
    const body = await readAnswer({ status, header, body: response.body }, request);
    // Undici takes a connection back in the turn after the end of its answer: a request sent before opens another one.
    await nextTurn();
    return { answer: { status, header, body } };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LabImagesError) throw error;
    return failure(error, { expired: deadline.expired, answered: status !== null, request, limits });
  } finally {
    deadline.release();
    options.observe?.request(request.url.host, request.method, status, (clock.monotonicTime() - startedAt) / 1_000);
  }
}

/** Waits until the host may be asked again, but not for long. */
async function respectHold(
  options: HttpClientOptions,
  host: HostState,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const waitMs = host.heldUntil - options.clock.monotonicTime();
  if (waitMs <= 0) return;
  if (waitMs > options.limits.maxRetryAfterMs) {
    throw new RegistryUnavailableError(`${name} asks to be left alone for ${Math.ceil(waitMs / 1_000)} s`);
  }
  // Many requests wait for the same moment: they had better not all come in it.
  await pause(options.clock, waitMs + options.limits.retryBaseMs * options.random(), signal);
}

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { clock, limits, logger, random } = options;
  const hosts = new Map<string, HostState>();

  function hostState(name: string): HostState {
    const known = hosts.get(name);
    if (known !== undefined) return known;
    const created = { places: createSemaphore(limits.concurrency), heldUntil: 0 };
    hosts.set(name, created);
    return created;
  }

  async function attempt(request: HttpRequest, host: HostState, signal: AbortSignal): Promise<Outcome> {
    const release = await host.places.acquire(signal);
    try {
      return await exchange(options, request, signal);
    } finally {
      release();
    }
  }

  /** Turns an answer that goes away by itself into a failure, and keeps in mind how long its sender wants rest. */
  function judge(outcome: Outcome, host: HostState): Outcome {
    if ("failed" in outcome || !transientStatuses.has(outcome.answer.status)) return outcome;
    const { answer } = outcome;
    const rest = retryAfterMs(answer.header("retry-after"), clock.wallTime());
    if (rest !== null) host.heldUntil = Math.max(host.heldUntil, clock.monotonicTime() + rest);
    return { failed: `answers ${answer.status}`, label: String(answer.status), again: true, cause: undefined };
  }

  return {
    async send(request, signal) {
      const name = request.url.host;
      const host = hostState(name);
      for (let tried = 0; ; tried += 1) {
        await respectHold(options, host, name, signal);
        const outcome = judge(await attempt(request, host, signal), host);
        if ("answer" in outcome) return outcome.answer;
        const { failed, label, again, cause } = outcome;
        if (!again || tried + 1 >= limits.attempts) {
          throw new RegistryUnavailableError(`${name} ${failed}`, cause);
        }
        options.observe?.retried(label);
        logger.debug({ host: name, reason: failed, tried: tried + 1 }, "registry request is tried again");
        await pause(clock, backoffMs(tried, limits.retryBaseMs, limits.retryMaxMs, random), signal);
      }
    },
  };
}
