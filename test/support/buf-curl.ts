import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { decodeErrorInfo } from "./error-details.ts";
import { eventually } from "./eventually.ts";

const BUF = join(import.meta.dirname, "../../node_modules/.bin/buf");

/** A failure as `buf curl` writes it. */
export interface BufCurlFailure {
  /** Such as `not_found`. */
  readonly code: string;
  readonly message: string;
  /** What its `google.rpc.ErrorInfo` names; empty where it has none. */
  readonly reason: string;
}

/** What `buf curl` said about a call that gives one answer. */
export type BufCurlAnswer =
  | { readonly message: object; readonly failure: null }
  | { readonly message: null; readonly failure: BufCurlFailure };

/** A stream that `buf curl` reads. */
export interface BufCurlStream extends AsyncDisposable {
  /** The next message that was not taken yet; rejects where none comes within five seconds. */
  next(): Promise<object>;
  /** How the stream ended. */
  readonly ended: Promise<BufCurlFailure>;
}

/** No `buf curl` outlives the tests. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * Calls a method of `labimages.v1.ImageService` as a user with a shell does: `buf curl` learns the contract from the
 * server's reflection, for it runs outside the repository. Asynchronous, since the servers of a test may live in its
 * own process.
 */
export async function bufCurl(address: string, method: string, request: object = {}): Promise<BufCurlAnswer> {
  const { child, complaints } = startBufCurl(address, method, request);
  const [output, failure, [exitStatus]] = await Promise.all([text(child.stdout), complaints, once(child, "exit")]);
  if (exitStatus !== 0) return { message: null, failure: readFailure(failure) };
  return { message: JSON.parse(output), failure: null };
}

/** As `bufCurl`, for a method that gives a stream. */
export function bufCurlStream(address: string, method: string, request: object = {}): BufCurlStream {
  const { child, complaints } = startBufCurl(address, method, request);
  const exited = once(child, "exit");
  const messages: object[] = [];
  let lines = "";
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines += line;
    // A message ends with the brace in the first column.
    if (!line.startsWith("}")) return;
    messages.push(JSON.parse(lines));
    lines = "";
  });
  return {
    next: () =>
      eventually(() => {
        const message = messages.shift();
        if (message === undefined) throw new Error("no message has come");
        return message;
      }),
    ended: complaints.then(readFailure),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

function startBufCurl(address: string, method: string, request: object) {
  const url = `http://${address}/labimages.v1.ImageService/${method}`;
  const flags = ["--protocol", "grpc", "--http2-prior-knowledge", "--data", JSON.stringify(request)];
  const child = spawn(BUF, ["curl", ...flags, url], { cwd: tmpdir(), stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return { child, complaints: text(child.stderr) };
}

function readFailure(complaints: string): BufCurlFailure {
  const failure = parse(complaints);
  const info = failure.details?.find(({ type }) => type === "google.rpc.ErrorInfo");
  const { reason } = decodeErrorInfo(Buffer.from(info?.value ?? "", "base64"));
  return { code: failure.code, message: failure.message ?? "", reason };
}

function parse(complaints: string): { code: string; message?: string; details?: { type: string; value: string }[] } {
  try {
    return JSON.parse(complaints);
  } catch {
    throw new Error(`buf curl failed by itself: ${complaints}`);
  }
}
