import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { createInterface } from "node:readline";
import { isJsonObject, type Json, type JsonObject } from "../kubernetes/kubernetes-objects.ts";

/** Which API server a simulated kubelet speaks to, the simulated one or a real one. */
export interface KubeletApiAddress {
  readonly url: string;
  /** Bearer token, where the server wants one. */
  readonly token?: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca?: string;
}

/** A refusal of the API server, or an answer that is none of its. */
export class KubeletApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = "KubeletApiError";
    this.status = status;
  }
}

/** One line of a watch. */
export interface KubeletWatchEvent {
  readonly type: string;
  readonly object: JsonObject;
}

/** The few calls that kubelets make. */
export interface KubeletClient {
  request(method: string, path: string, body?: Json, contentType?: string): Promise<JsonObject>;
  /** Calls `onEvent` for each event until the server, the network or the signal ends the watch; then resolves. */
  watch(path: string, onEvent: (event: KubeletWatchEvent) => void, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** Media type of the patches that kubelets send. */
export const STRATEGIC_PATCH = "application/strategic-merge-patch+json";

const DEADLINE_MS = 15_000;

/** A client with a pool of its own; kubelets of one cluster may share it. */
export function createKubeletClient({ url, token, ca }: KubeletApiAddress): KubeletClient {
  const secure = url.startsWith("https:");
  const agent = secure
    ? new HttpsAgent({ keepAlive: true, ...(ca === undefined ? {} : { ca }) })
    : new HttpAgent({ keepAlive: true });
  const headers = { accept: "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  const send = (call: Call) =>
    receive((secure ? httpsRequest : httpRequest)(new URL(call.path, url), optionsOf(call, agent, headers)), call.body);

  return {
    async request(method, path, body, contentType = "application/json") {
      const text = body === undefined ? null : JSON.stringify(body);
      return readAnswer(
        await send({ method, path, body: text, contentType, signal: AbortSignal.timeout(DEADLINE_MS) }),
      );
    },
    async watch(path, onEvent, signal) {
      try {
        const response = await send({ method: "GET", path, body: null, contentType: "", signal });
        if (response.statusCode !== 200) {
          response.resume();
          return;
        }
        for await (const line of createInterface({ input: response })) {
          const event: unknown = JSON.parse(line);
          if (signal.aborted || !isJsonObject(event)) return;
          const { type, object } = event;
          if (isJsonObject(object)) onEvent({ type: String(type), object });
        }
      } catch {
        // However a watch ends, its caller lists and watches again.
      }
    },
    close: () => agent.destroy(),
  };
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body: string | null;
  readonly contentType: string;
  readonly signal: AbortSignal;
}

function optionsOf(call: Call, agent: HttpAgent | HttpsAgent, headers: Record<string, string>) {
  const { method, body, contentType, signal } = call;
  // Node sends a DELETE's body without its length unless it is given.
  const described = body === null ? {} : { "content-type": contentType, "content-length": Buffer.byteLength(body) };
  return { method, agent, signal, headers: { ...headers, ...described } };
}

function receive(request: ClientRequest, body: string | null): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once("response", resolve);
    request.on("error", reject);
    request.end(body ?? undefined);
  });
}

async function readAnswer(response: IncomingMessage): Promise<JsonObject> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  const status = response.statusCode ?? 0;
  let body: unknown;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new KubeletApiError(status, `the API server answers ${status} without JSON`);
  }
  if (!isJsonObject(body)) throw new KubeletApiError(status, `the API server answers ${status} without an object`);
  if (status >= 400) throw new KubeletApiError(status, String(body["message"] ?? status));
  return body;
}
