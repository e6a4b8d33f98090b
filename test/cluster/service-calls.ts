import { Client, credentials, Metadata, type MethodDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { contractOptions } from "../support/decode-message.ts";
import type { ImageServiceClient } from "../support/grpc-client.ts";
import type { PrepullProgress, PrepullStatus, StateVersion } from "../support/grpc-messages.ts";

/** `labimages.v1.ReportPrepullRequest`. */
export interface PrepullReport {
  readonly reference: string;
  readonly node: string;
  readonly prepullState: string;
  readonly reason?: string;
  readonly message?: string;
}

/** `labimages.v1.WatchPrepullStatusResponse`. */
export interface StatusMessage {
  readonly reset: boolean;
  readonly status: PrepullStatus | null;
  readonly removedNodes: readonly string[];
  readonly complete: boolean;
  readonly state: StateVersion;
}

type Method = MethodDefinition<object, object>;

const METHODS = loadSync("labimages/v1/image_service.proto", contractOptions)["labimages.v1.ImageService"] as Readonly<
  Record<string, Method>
>;

function methodNamed(name: string): Method {
  const method = METHODS[name];
  if (method === undefined) throw new TypeError(`the contract has no method ${name}`);
  return method;
}

/** Calls ReportPrepull as an outside prepuller does; answers whether the status shows the report. */
export async function reportPrepull(address: string, report: PrepullReport): Promise<boolean> {
  const client = new Client(address, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = methodNamed("ReportPrepull");
  try {
    return await new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + 10_000 };
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        report,
        new Metadata(),
        options,
        (error, answer) => {
          if (error === null) resolve(answer !== undefined && "applied" in answer && answer.applied === true);
          else reject(error);
        },
      );
    });
  } finally {
    client.close();
  }
}

/** The messages of WatchPrepullStatus so far. */
export interface StatusWatch extends Disposable {
  readonly messages: readonly StatusMessage[];
}

/** Watches the status until it is disposed of. */
export function watchStatus(address: string): StatusWatch {
  const client = new Client(address, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = methodNamed("WatchPrepullStatus");
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {});
  const messages: StatusMessage[] = [];
  call.on("data", (message: StatusMessage) => void messages.push(message));
  // The end is not what is looked at, and comes of disposing as well.
  call.on("error", () => undefined);
  return {
    messages,
    [Symbol.dispose]() {
      call.cancel();
      client.close();
    },
  };
}

/** Who can be asked. */
interface Asked {
  readonly client: ImageServiceClient;
}

/** The work as GetPrepullStatus shows it, with the states without their prefix. */
export async function progressOf({ client }: Asked): Promise<readonly PrepullProgress[]> {
  const { status } = await client.call("GetPrepullStatus", {});
  return status.progress.map((entry) => ({ ...entry, prepullState: plainState(entry) }));
}

/** The state of the work without the prefix that the contract's enums have. */
export function plainState({ prepullState }: PrepullProgress): string {
  return prepullState.replace("PREPULL_STATE_", "");
}
