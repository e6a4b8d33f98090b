import { Agent, request } from "undici";

/** A refusal by the API server: the HTTP status, and the `reason` and `message` of its Status object. */
export class ApiStatusError extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(`${status} ${reason}: ${message}`);
    this.name = "ApiStatusError";
    this.status = status;
    this.reason = reason;
  }
}

/** One line of a watch. */
export type WatchEvent = {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: unknown;
};

/** Body and media type of a request; a body without a type is sent as JSON. */
export type RequestOptions = {
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
};

/**
 * Speaks to the API server as one identity, in plain HTTP and JSON.
 *
 * For arranging a test and for looking at its outcome; deliberately not the client under test.
 */
export type ApiClient = {
  /** Resolves to the decoded body, which the caller names the type of; rejects with {@link ApiStatusError}. */
  request<T = unknown>(
    method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE",
    path: string,
    options?: RequestOptions,
  ): Promise<T>;
  /** The events of a watch, until the server or the signal ends it. */
  watch(path: string, signal: AbortSignal): AsyncGenerator<WatchEvent>;
  /** Closes the connections. */
  close(): Promise<void>;
};

/** Media types of the three kinds of PATCH that the tests use. */
export const PATCH = {
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
} as const;

const REQUEST_DEADLINE_MS = 30_000;

/** Makes a client for the API server at `url` that trusts the given authority and shows the given bearer token. */
export function createApiClient(url: string, caPem: string, token: string): ApiClient {
  const agent = new Agent({ connect: { ca: caPem }, allowH2: false });
  const headers = {
    authorization: `Bearer ${token}`,
    accept: "application/json",
  };
  return {
    request: async <T>(method: string, path: string, options: RequestOptions = {}) => {
      const response = await request(new URL(path, url), {
        dispatcher: agent,
        method,
        signal: options.signal ?? AbortSignal.timeout(REQUEST_DEADLINE_MS),
        ...("body" in options ? encode(options, headers) : { headers }),
      });
      const text = await response.body.text();
      if (response.statusCode >= 400) {
        throw statusError(response.statusCode, text);
      }
      return decode(text) as T;
    },
    watch: async function* (path, signal) {
      const response = await request(new URL(path, url), {
        dispatcher: agent,
        headers,
        signal,
        bodyTimeout: 0,
      });
      if (response.statusCode >= 400) {
        throw statusError(response.statusCode, await response.body.text());
      }
      for await (const line of linesOf(response.body.setEncoding("utf8"))) {
        yield JSON.parse(line) as WatchEvent;
      }
    },
    close: () => agent.destroy(),
  };
}

/** Not readline: it throws a stream's late errors, such as the one of a watch left early, at the process. */
async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

function encode({ body, contentType = "application/json" }: RequestOptions, headers: Record<string, string>) {
  return { body: JSON.stringify(body), headers: { ...headers, "content-type": contentType } };
}

/** Answers that are no JSON, such as the plain text of the health paths, are handed on as they are. */
function decode(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function statusError(status: number, text: string): ApiStatusError {
  const body = decode(text);
  const field = (name: "reason" | "message"): string =>
    typeof body === "object" && body !== null && name in body ? String((body as Record<string, unknown>)[name]) : "";
  return new ApiStatusError(status, field("reason") || "Unknown", field("message") || text.trim());
}
