import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { decodeErrorInfo } from "./error-details.ts";

const BUF = join(import.meta.dirname, "../../node_modules/.bin/buf");

/** What `buf curl` said. */
export interface BufCurlAnswer {
  /** The messages of the response, one for a unary call. */
  readonly messages: readonly unknown[];
  /** The failure, with the reason that its details name (empty where they name none), or null. */
  readonly failure: { readonly code: string; readonly message: string; readonly reason: string } | null;
}

/**
 * Calls a method of `labimages.v1.ImageService` as a user with a shell does: `buf curl` learns the contract from the
 * server's reflection, for it runs outside the repository. Asynchronous, since the servers of a test may live in its
 * own process.
 */
export async function bufCurl(address: string, method: string, request: object = {}): Promise<BufCurlAnswer> {
  const url = `http://${address}/labimages.v1.ImageService/${method}`;
  const child = spawn(
    BUF,
    ["curl", "--protocol", "grpc", "--http2-prior-knowledge", "--data", JSON.stringify(request), url],
    { cwd: tmpdir(), stdio: ["ignore", "pipe", "pipe"] },
  );
  const [output, complaints, [exitStatus]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  if (exitStatus === 0) return { messages: readMessages(output), failure: null };
  return { messages: readMessages(output), failure: readFailure(complaints) };
}

/** Messages stand one after the other, each beginning with a brace in the first column. */
function readMessages(output: string): readonly unknown[] {
  return output
    .split(/\n(?=\{)/)
    .filter((part) => part.trim() !== "")
    .map((part): unknown => JSON.parse(part));
}

function readFailure(complaints: string): BufCurlAnswer["failure"] {
  let failure: { code: string; message?: string; details?: { type: string; value: string }[] };
  try {
    failure = JSON.parse(complaints);
  } catch {
    throw new Error(`buf curl failed by itself: ${complaints}`);
  }
  const info = failure.details?.find(({ type }) => type === "google.rpc.ErrorInfo");
  const { reason } = decodeErrorInfo(Buffer.from(info?.value ?? "", "base64"));
  return { code: failure.code, message: failure.message ?? "", reason };
}
