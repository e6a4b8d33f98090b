import type { Dispatcher } from "undici";
import { KubernetesUnavailableError, LabImagesError } from "../../domain/errors.ts";
import { DeadlineReached, orAborted, pause, withDeadline } from "../../lib/abort.ts";
import { request } from "../../lib/undici.ts";
import type { Clock } from "../../ports.ts";
import { type Answer, readBeginning, readJson, requireJson, retryAfterMs } from "./api-answers.ts";
import { answerError, codeOf, deadlineError, KubernetesAnswerError, transportError } from "./api-errors.ts";
import {
  type CredentialReader,
  type CredentialSource,
  type Credentials,
  createCredentialReader,
} from "./credentials.ts";
import { createDispatcherPool, type DispatcherPool } from "./dispatcher-pool.ts";

/** One call of the API. */
export interface KubernetesCall {
  /** Completes "cannot …" in messages: such as "list nodes". */
  readonly what: string;
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path below the server's base URL, such as `/api/v1/nodes`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Media type of the body; `application/json` unless given. */
  readonly contentType?: string;
  /** For the whole answer, or for a stream until it has begun; retries included. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** Called at once before each sending, retries included: the last moment to abort `signal`. Must not throw. */
  readonly beforeSend?: () => void;
}

/** An answer that comes bit by bit. */
export interface KubernetesStream {
  readonly chunks: AsyncIterable<Buffer>;
  /** Ends it; iterating then ends or rejects. Idempotent. */
  close(): void;
}

/**
 * A connection to one API server: TLS and credentials from the configuration, read again when they change; one pool of
 * connections, renewed with the TLS material. Failures are KubernetesUnavailableErrors (KubernetesAnswerError where the
 * server has answered) and KubernetesDeniedErrors; an abort of the call's signal rejects with its reason.
 */
export interface KubernetesConnection {
  /** The answer's JSON. */
  call(call: KubernetesCall): Promise<unknown>;
  /** Opens a watch. The signal ends the stream, too. */
  open(call: KubernetesCall): Promise<KubernetesStream>;
  /** The namespace of our pod or context, null where there is none. */
  namespace(): Promise<string | null>;
  /** Breaks off what runs and closes all sockets. */
  close(): Promise<void>;
}

/** Bounds of a connection. */
export interface ConnectionLimits {
  /** Bytes of one answer. A page of 100 nodes with 50 images is 1.5 MB. */
  readonly maxAnswerBytes: number;
  /** Bytes of a refusal's body that are read. */
  readonly maxErrorBytes: number;
  /** Milliseconds until a socket is connected and its TLS handshake done. */
  readonly connectMs: number;
  /** Retries of a call for which the server sent `Retry-After`. */
  readonly maxRetries: number;
}

export const defaultConnectionLimits: ConnectionLimits = {
  maxAnswerBytes: 64 * 1024 * 1024,
  maxErrorBytes: 64 * 1024,
  connectMs: 10_000,
  maxRetries: 3,
};

/** Connects through a kubeconfig or the pod's service account. Nothing is read or opened before the first call. */
export function connectKubernetes(
  options: CredentialSource & { readonly clock: Clock; readonly limits?: Partial<ConnectionLimits> },
): KubernetesConnection {
  const limits = { ...defaultConnectionLimits, ...options.limits };
  const { clock } = options;
  const reader = createCredentialReader(options);
  const pool = createDispatcherPool(limits.connectMs);
  const failed = (call: KubernetesCall, thrown: unknown): unknown => {
    const error = classified(call, thrown);
    if (!call.signal.aborted && !isAboutObject(error)) reader.invalidate();
    return error;
  };
  const send = (call: KubernetesCall, signal: AbortSignal) =>
    sendWithRetries(reader, pool, limits, clock, call, signal);

  return {
    async call(call) {
      const work = async (signal: AbortSignal) => readJson(call.what, await send(call, signal), limits.maxAnswerBytes);
      try {
        return await withDeadline(clock, call.deadlineMs, call.signal, work);
      } catch (error) {
        throw failed(call, error);
      }
    },
    async open(call) {
      try {
        return await openStream(clock, call, send);
      } catch (error) {
        throw failed(call, error);
      }
    },
    namespace: async () => (await readCredentials(reader, "find our namespace", false)).namespace,
    close: () => pool.destroy(),
  };
}

/**
 * Whether an answer is about the object of a call (it does not exist, there is another one, it has changed, is too old or
 * not valid), or asks for a pause: then address and credentials are good. After any other failure a kubeconfig that has been
 * replaced, with another address, authority or user in it, may be why.
 */
function isAboutObject(error: unknown): boolean {
  return error instanceof KubernetesAnswerError && [404, 409, 410, 422, 429].includes(error.status);
}

/** The reason of a caller's abort, or one of our errors. */
function classified(call: KubernetesCall, error: unknown): unknown {
  if (call.signal.aborted) return call.signal.reason;
  if (error instanceof DeadlineReached) return deadlineError(call.what, call.deadlineMs);
  return LabImagesError.from(error, (cause) => transportError(call.what, cause));
}

async function openStream(
  clock: Clock,
  call: KubernetesCall,
  send: (call: KubernetesCall, signal: AbortSignal) => Promise<Answer>,
): Promise<KubernetesStream> {
  call.signal.throwIfAborted();
  const life = new AbortController();
  const onAbort = () => life.abort(call.signal.reason);
  call.signal.addEventListener("abort", onAbort, { once: true });
  const cancelDeadline = clock.schedule(call.deadlineMs, () => life.abort(new DeadlineReached()));
  const close = () => {
    call.signal.removeEventListener("abort", onAbort);
    life.abort();
  };
  try {
    const answer = await orAborted(send(call, life.signal), life.signal);
    requireJson(call.what, answer);
    return { chunks: answer.body as AsyncIterable<Buffer>, close };
  } catch (error) {
    close();
    throw error;
  } finally {
    cancelDeadline();
  }
}

/** Sends until there is an answer of 2xx, or one that no further try would better. */
async function sendWithRetries(
  reader: CredentialReader,
  pool: DispatcherPool,
  limits: ConnectionLimits,
  clock: Clock,
  call: KubernetesCall,
  signal: AbortSignal,
): Promise<Answer> {
  const until = clock.monotonicTime() + call.deadlineMs;
  let fresh = false;
  let resent = false;
  for (let retries = 0; ; ) {
    const credentials = await readCredentials(reader, call.what, fresh);
    call.beforeSend?.();
    signal.throwIfAborted();
    let answer: Answer;
    try {
      answer = await sendOnce(pool.dispatcherFor(credentials), credentials, call, signal);
    } catch (error) {
      // A connection that was kept open may have been closed by the server just as it was used again.
      if (signal.aborted || resent || !isStaleSocket(error) || !isRead(call)) throw error;
      resent = true;
      continue;
    }
    if (answer.statusCode >= 200 && answer.statusCode < 300) return answer;
    const wait = retryAfterMs(answer);
    const page = await readBeginning(answer, limits.maxErrorBytes);
    const refusal = answerError(call.what, answer.statusCode, page, wait);
    if (answer.statusCode === 401 && !fresh) fresh = true;
    else if (wait === null || retries === limits.maxRetries || clock.monotonicTime() + wait >= until) throw refusal;
    else if (!isRead(call) && !wasLeftUndone(answer)) throw refusal;
    else {
      retries += 1;
      await pause(clock, wait, signal);
    }
  }
}

function isRead({ method = "GET" }: KubernetesCall): boolean {
  return method === "GET";
}

/** Whether the server has not begun with what it was asked for; after another 5xx a write may have been done. */
function wasLeftUndone({ statusCode }: Answer): boolean {
  return statusCode === 429 || statusCode === 503;
}

async function readCredentials(reader: CredentialReader, what: string, fresh: boolean): Promise<Credentials> {
  try {
    return await reader.read(fresh);
  } catch (error) {
    const code = codeOf(error);
    const named = code === "" ? "" : ` (${code})`;
    throw new KubernetesUnavailableError(
      `cannot ${what}: the credentials for Kubernetes cannot be read${named}`,
      error,
    );
  }
}

function sendOnce(
  dispatcher: Dispatcher,
  { server, headers }: Credentials,
  call: KubernetesCall,
  signal: AbortSignal,
): Promise<Answer> {
  const url = new URL(server + call.path);
  for (const [name, value] of Object.entries(call.query ?? {})) url.searchParams.set(name, value);
  const contentType = { "content-type": call.contentType ?? "application/json" };
  return request(url, {
    dispatcher,
    method: call.method ?? "GET",
    signal,
    headers: {
      accept: "application/json",
      "user-agent": "lab-images",
      ...headers,
      ...(call.body === undefined ? {} : contentType),
    },
    body: call.body === undefined ? null : JSON.stringify(call.body),
  });
}

function isStaleSocket(error: unknown): boolean {
  return ["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"].includes(codeOf(error));
}
