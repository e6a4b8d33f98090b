import type { ArtifactRegistryClient } from "@google-cloud/artifact-registry";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { resetIsAvailableCache } from "gcp-metadata";
import { RegistryDeniedError, RegistryUnavailableError } from "../../domain/errors.ts";
import { pause, startDeadline } from "../../lib/abort.ts";
import { backoffDelayMs } from "../../lib/backoff.ts";
import { isLoopback } from "../../lib/net.ts";
import type { Clock, Logger } from "../../ports.ts";
import type { RequestObserver } from "../http/http-client.ts";
import type { RegistryLimits } from "../oci/limits.ts";
import { GoogleSetUpTimeoutError, googleFailure } from "./google-errors.ts";
import { encodeListRequest, type ImagePage, ImagePageError, readImagePage } from "./google-wire.ts";

/** Reads the listing of one repository page by page, each as often as it takes. */
export interface ImagePages {
  /** Host of the API, for the texts of errors. */
  readonly host: string;
  /** Rejects with a RegistryUnavailableError or a RegistryDeniedError, or with the signal's reason. */
  read(pageToken: string, signal: AbortSignal): Promise<ImagePage>;
  close(): void;
}

export interface ImagePagesOptions {
  /** `projects/…/locations/…/repositories/…`. */
  readonly parent: string;
  /** `host:port` in place of Google's own; plaintext and without credentials on loopback. */
  readonly apiEndpoint: string | undefined;
  readonly limits: RegistryLimits;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly observe: RequestObserver | undefined;
}

type ClientOptions = NonNullable<ConstructorParameters<typeof ArtifactRegistryClient>[0]>;

const DEFAULT_ENDPOINT = "artifactregistry.googleapis.com";
/** The most that the API gives. */
const PAGE_SIZE = 1_000;

const LIST_METHOD = "/google.devtools.artifactregistry.v1.ArtifactRegistry/ListDockerImages";
/** 200,000 of the longest tags on the images of one page, with room to spare. */
const MAX_PAGE_BYTES = 32 * 1_024 * 1_024;

/**
 * Each client has connections of its own: those of one that failed would be found again in the common pool. Google's
 * client itself sets no bound to what it receives.
 */
const OWN_CONNECTIONS = {
  "grpc.use_local_subchannel_pool": 1,
  "grpc.max_receive_message_length": MAX_PAGE_BYTES,
};

function optionsFor(endpoint: URL | null): ClientOptions {
  if (endpoint === null) return OWN_CONNECTIONS;
  const address = { ...OWN_CONNECTIONS, apiEndpoint: endpoint.hostname, port: Number(endpoint.port || 443) };
  if (!isLoopback(endpoint.hostname)) return address;
  // The universe is given, since the client would look for credentials, metadata server and all, to find it out.
  const clientOptions = { universeDomain: "googleapis.com" };
  return { ...address, sslCreds: credentials.createInsecure(), clientOptions };
}

/** Settles as `work` does, or rejects with the signal's reason: Google's set-up cannot be called off. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/**
 * Calls the API on the connection, and with the credentials, of Google's client, but decodes nothing: its decoder makes
 * objects of a hundred bytes out of two.
 */
async function listImages(opened: ArtifactRegistryClient, request: ListRequest, signal: AbortSignal): Promise<Buffer> {
  const stub: unknown = await opened.artifactRegistryStub;
  if (!(stub instanceof Client))
    throw new TypeError("Google's client keeps its connection elsewhere than version 5.1.0");
  const { parent, pageToken, timeoutMs } = request;
  const metadata = new Metadata();
  metadata.set("x-goog-request-params", `parent=${encodeURIComponent(parent)}`);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const call = stub.makeUnaryRequest(
    LIST_METHOD,
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => bytes,
    encodeListRequest(parent, PAGE_SIZE, pageToken),
    metadata,
    { deadline: Date.now() + timeoutMs },
    (error, bytes) => (error === null ? resolve(bytes ?? Buffer.alloc(0)) : reject(error)),
  );
  const onAbort = () => call.cancel();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await promise;
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

interface ListRequest {
  readonly parent: string;
  readonly pageToken: string;
  readonly timeoutMs: number;
}

/** Loads Google's client, which is large, on the first call: no other source needs it. */
export function createImagePages(options: ImagePagesOptions): ImagePages {
  const { parent, limits, clock, random, logger, observe } = options;
  const endpoint = options.apiEndpoint === undefined ? null : new URL(`https://${options.apiEndpoint}`);
  const host = endpoint?.host ?? DEFAULT_ENDPOINT;
  let client: ArtifactRegistryClient | null = null;

  /** Reads credentials, which may mean to ask other servers: nothing else sets a bound to that. */
  async function setUp(opened: ArtifactRegistryClient, signal: AbortSignal): Promise<void> {
    const deadline = startDeadline(clock, limits.requestTimeoutMs, signal);
    try {
      // Each call does this too, but lets go of its rejection unhandled, which would end the process.
      await untilAborted(opened.initialize(), deadline.signal);
    } catch (error) {
      throw deadline.expired ? new GoogleSetUpTimeoutError() : error;
    } finally {
      deadline.release();
    }
  }

  async function call(pageToken: string, signal: AbortSignal): Promise<Buffer> {
    const { ArtifactRegistryClient } = await import("@google-cloud/artifact-registry");
    const opened = client ?? new ArtifactRegistryClient(optionsFor(endpoint));
    client = opened;
    await setUp(opened, signal);
    signal.throwIfAborted();
    return await listImages(opened, { parent, pageToken, timeoutMs: limits.requestTimeoutMs }, signal);
  }

  async function attempt(pageToken: string, signal: AbortSignal): Promise<Buffer> {
    const startedAt = clock.monotonicTime();
    let status: number | null = null;
    try {
      const page = await call(pageToken, signal);
      status = 200;
      return page;
    } finally {
      observe?.request(host, "ListDockerImages", status, (clock.monotonicTime() - startedAt) / 1_000);
    }
  }

  /** What cannot be read is not asked for again: it would be sent again. */
  function decode(bytes: Buffer): ImagePage {
    try {
      return readImagePage(bytes, { maxImages: PAGE_SIZE, maxTags: limits.maxTags });
    } catch (error) {
      if (!(error instanceof ImagePageError)) throw error;
      throw new RegistryUnavailableError(`${host} ${error.message}`, error);
    }
  }

  async function readBytes(pageToken: string, signal: AbortSignal): Promise<Buffer> {
    // A refusal may be due to a token of before, once.
    let mayBeStale = client !== null;
    for (let tried = 0; ; tried += 1) {
      try {
        return await attempt(pageToken, signal);
      } catch (error) {
        const failure = googleFailure(error, host);
        const isStale = mayBeStale && failure.error instanceof RegistryDeniedError;
        const isLast = !isStale && (!failure.again || tried + 1 >= limits.attempts);
        if (isStale || isLast || signal.aborted) drop();
        signal.throwIfAborted();
        if (isLast) throw failure.error;
        observe?.retried(failure.label);
        logger.debug({ host, reason: failure.label, tried: tried + 1 }, "retrying registry request");
        if (isStale) {
          mayBeStale = false;
          continue;
        }
      }
      await pause(
        clock,
        backoffDelayMs(tried + 1, { initialMs: limits.retryBaseMs, maxMs: limits.retryMaxMs }, random()),
        signal,
      );
    }
  }

  /**
   * The client keeps what it has learned: credentials and tokens, also where it could have none, whether there is a
   * metadata server, and connections with the pauses between their tries. The next call gets a new client (faults, L1).
   * Does not wait: a client closes when its set-up is done, which may be never.
   */
  function drop(): void {
    client?.close().catch(() => undefined);
    client = null;
    resetIsAvailableCache();
  }

  return {
    host,
    read: async (pageToken, signal) => decode(await readBytes(pageToken, signal)),
    close: drop,
  };
}
