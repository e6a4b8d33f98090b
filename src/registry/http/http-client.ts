import type { IncomingHttpHeaders } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Dispatcher } from "undici";
import { LabImagesError, RegistryUnavailableError } from "../../domain/errors.ts";
import { pause, startDeadline } from "../../lib/abort.ts";
import { backoffDelayMs } from "../../lib/backoff.ts";
import { quotePeer } from "../../lib/redact.ts";
import type { Clock, Logger } from "../../ports.ts";
import { errorCode } from "../oci/error-code.ts";
import type { RegistryLimits } from "../oci/limits.ts";
import { BodyEncodingError, BodyTooLargeError, readBody, streamBody } from "./body.ts";
import type { Dispatchers } from "./dispatchers.ts";
import { createHostTable, type Host } from "./host-table.ts";
import { ProxyError, proxyRefusal } from "./proxy-connections.ts";
import { retryAfterMs, transientStatuses } from "./retry.ts";

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
  /** A status that is returned at once, though another try might bring another one: the caller asks differently then. */
  readonly finalStatus?: number | undefined;
  /** Fewer tries than `RegistryLimits.attempts`, for what is not worth the wait. */
  readonly maxAttempts?: number;
  /** Whether somebody else than the configuration names this host (`Dispatchers.route`). */
  readonly foreign?: boolean;
}

/** Reads one body in pieces, so that a large one is never held as a whole. */
export type BodyReader = (chunk: Buffer) => void;

export interface HttpAnswer {
  readonly status: number;
  /** The values of a header, one for each time that it was sent. `name` is in lower case. */
  headers(name: string): readonly string[];
  /** All values of a header, joined by commas; null where there is none. `name` is in lower case. */
  header(name: string): string | null;
  /** Empty for HEAD, and where it was read in pieces. Of a failure at most 64 KiB are kept: a longer one is empty. */
  readonly body: Buffer;
}

/** Called for every request, for metrics. */
export interface RequestObserver {
  /** One try: `status` is null where no answer came. */
  request(host: string, method: string, status: number | null, seconds: number): void;
  /** One more try follows, because of this: a status, `timeout`, or a network error's code. */
  retried(reason: string): void;
}

/**
 * Sends requests with everything that keeps a bad peer from hurting: a deadline for the whole exchange, a cap on the
 * answer, limited concurrency per host, retries with backoff, and respect for `Retry-After`. It follows no
 * redirects and knows no credentials.
 */
export interface HttpClient {
  /**
   * The answer, whatever its status, unless that is one that goes away by itself and has not. Rejects with a
   * RegistryUnavailableError, or with the signal's reason.
   */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>;
  /** Ends every `Retry-After` now: somebody asks by hand. */
  ignoreRetryAfter(): void;
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
type Outcome = Failure | { readonly answer: HttpAnswer; readonly via: string };

interface Failure {
  /** What goes after the host's name. */
  readonly failed: string;
  /** For metrics. */
  readonly label: string;
  /** Whether another try may help. */
  readonly again: boolean;
  /** For the log alone. */
  readonly cause: unknown;
}

function answerOf(status: number, received: IncomingHttpHeaders, body: Buffer): HttpAnswer {
  const headers = (name: string): readonly string[] => {
    const value = Object.hasOwn(received, name) ? received[name] : undefined;
    return typeof value === "string" ? [value] : (value ?? []);
  };
  return { status, headers, header: (name) => (headers(name).length === 0 ? null : headers(name).join(", ")), body };
}

/** Says in our own words what a library reported. `answered`: whether the answer had begun. */
function failure(error: unknown, answered: boolean, request: HttpRequest): Failure {
  if (error instanceof BodyTooLargeError) {
    const failed = `answers with more than ${request.maxBytes} bytes`;
    return { failed, label: "size", again: false, cause: undefined };
  }
  if (error instanceof BodyEncodingError) {
    const failed = "answers in an encoding that was not asked for";
    return { failed, label: "encoding", again: false, cause: undefined };
  }
  const code = errorCode(error);
  const failed = answered ? `breaks off its answer (${code})` : `cannot be reached (${code})`;
  return { failed, label: code, again: true, cause: error };
}

/** The most of a failure's body that is kept, in bytes: it holds a code and a sentence. */
const MAX_FAILURE_BYTES = 64 * 1_024;

/** A failure counts without its body where that is too long or as broken as its sender. */
async function readAnswer(
  { method, maxBytes, reader }: HttpRequest,
  { statusCode: status, headers, body }: Dispatcher.ResponseData,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const answer = answerOf(status, headers, Buffer.alloc(0));
  const encoding = method === "HEAD" ? "" : (answer.header("content-encoding") ?? "");
  if (status === 200 && reader !== undefined) {
    await streamBody(body, encoding, maxBytes, reader(answer.header));
    return answer;
  }
  try {
    return { ...answer, body: await readBody(body, encoding, status === 200 ? maxBytes : MAX_FAILURE_BYTES) };
  } catch (error) {
    if (status === 200 || signal.aborted) throw error;
    return answer;
  }
}

/** One try, without retries. Rejects only with the signal's reason. */
async function exchange(options: HttpClientOptions, request: HttpRequest, signal: AbortSignal): Promise<Outcome> {
  const { clock, limits } = options;
  const { method, url } = request;
  const { dispatcher, origin, path, headers, proxy } = options.dispatchers.route(url, request.foreign === true);
  const via = proxy === null ? "" : ` (through the proxy ${proxy.host})`;
  const deadline = startDeadline(clock, limits.requestTimeoutMs, signal);
  const startedAt = clock.monotonicTime();
  let status: number | null = null;
  try {
    const response = await dispatcher.request({
      origin,
      path,
      method,
      headers: { "user-agent": "lab-images", "accept-encoding": "identity", ...request.headers, ...headers },
      body: request.body ?? null,
      signal: deadline.signal,
      // Undici closes a connection after HEAD by default, for servers that send a body all the same; that would cost
      // one handshake for each tag of a refresh.
      reset: false,
    });
    status = response.statusCode;
    const answer = await readAnswer(request, response, deadline.signal);
    // Undici takes a connection back in the turn after the end of its answer: a request sent before opens another one.
    await nextTurn();
    if (proxy !== null && status === 407) throw proxyRefusal(proxy, status, url.host);
    return { answer, via };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LabImagesError) throw error;
    if (error instanceof ProxyError) {
      return { failed: `cannot be asked: ${error.message}`, label: "proxy", again: error.again, cause: undefined };
    }
    const late = `does not answer within ${limits.requestTimeoutMs / 1_000} s`;
    // Whoever waits for the whole would wait this long once more: the refresh that fails now is tried again soon.
    const outcome = deadline.expired
      ? { failed: late, label: "timeout", again: false, cause: undefined }
      : failure(error, status !== null, request);
    return { ...outcome, failed: `${outcome.failed}${via}` };
  } finally {
    deadline.release();
    options.observe?.request(url.host, method, status, (clock.monotonicTime() - startedAt) / 1_000);
  }
}

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { clock, limits, logger, random } = options;
  const hosts = createHostTable({ limits, clock, random });

  async function attempt(request: HttpRequest, host: Host, signal: AbortSignal): Promise<Outcome> {
    const release = await host.acquire(signal);
    try {
      return await exchange(options, request, signal);
    } finally {
      release();
    }
  }

  /** Turns an answer that goes away by itself into a failure, and respects its `Retry-After`. */
  function judge(outcome: Outcome, host: Host, { finalStatus }: HttpRequest): Outcome {
    if ("failed" in outcome || !transientStatuses.has(outcome.answer.status)) return outcome;
    const { answer, via } = outcome;
    if (answer.status === finalStatus) return outcome;
    const failed = `answers ${answer.status}${via}`;
    const transient = { failed, label: String(answer.status), again: true, cause: undefined };
    const restMs = retryAfterMs(answer.headers("retry-after")[0] ?? null, clock.wallTime());
    if (restMs === null || restMs === 0) return transient;
    const { reason, isShort } = host.hold(restMs, failed);
    return { ...transient, failed: reason, again: isShort };
  }

  async function sendTo(host: Host, request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const name = quotePeer(request.url.host);
    const attempts = request.maxAttempts ?? limits.attempts;
    for (let tried = 0; ; tried += 1) {
      await host.ready(signal);
      const outcome = judge(await attempt(request, host, signal), host, request);
      if ("answer" in outcome) return outcome.answer;
      const { failed, label, again, cause } = outcome;
      if (!again || tried + 1 >= attempts) throw new RegistryUnavailableError(`${name} ${failed}`, cause);
      options.observe?.retried(label);
      logger.debug({ host: name, reason: failed, tried: tried + 1 }, "retrying registry request");
      await pause(
        clock,
        backoffDelayMs(tried + 1, { initialMs: limits.retryBaseMs, maxMs: limits.retryMaxMs }, random()),
        signal,
      );
    }
  }

  return {
    async send(request, signal) {
      const host = hosts.enter(request.url.host);
      try {
        return await sendTo(host, request, signal);
      } finally {
        host.leave();
      }
    },
    ignoreRetryAfter: () => hosts.releaseAll(),
  };
}
