import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import {
  type GrpcObject,
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceClientConstructor,
  type sendUnaryData,
  type status,
} from "@grpc/grpc-js";
import { load } from "@grpc/proto-loader";

/** An image as the official proto has it, in proto-loader's camel case. */
export interface StoredImage {
  readonly uri: string;
  readonly tags: readonly string[];
  readonly imageSizeBytes?: number | string;
  readonly uploadTime?: { readonly seconds: number; readonly nanos: number };
}

interface ListRequest {
  readonly parent: string;
  readonly pageSize: number;
  readonly pageToken: string;
}

/** A gRPC server on loopback that implements the listing of Google Artifact Registry by its official proto. */
export interface GoogleServer {
  /** `127.0.0.1:port`. */
  readonly endpoint: string;
  /** By parent, `projects/…/locations/…/repositories/…`; others are NOT_FOUND. */
  readonly repositories: Map<string, readonly StoredImage[]>;
  /** Codes that the next calls fail with, `null` for one that does not; in order. */
  readonly failures: (status | null)[];
  /** The most images a page, whatever the client asks for. */
  pageSize: number;
  /** Never answers while true. */
  silent: boolean;
  /** In place of the token of the next page. */
  nextToken: string | null;
  readonly requests: readonly ListRequest[];
  close(): void;
}

const SERVICE = "google/devtools/artifactregistry/v1/service.proto";

/** The service as the packages ship it: Google's client and the common protos of its transport. */
async function serviceDefinition(): Promise<ServiceClientConstructor["service"]> {
  const require = createRequire(import.meta.url);
  const client = require.resolve("@google-cloud/artifact-registry");
  const gax = createRequire(client).resolve("google-gax");
  const includeDirs = [join(dirname(client), "..", "protos"), join(dirname(gax), "..", "protos")];
  const definition = await load(SERVICE, { includeDirs, longs: String, defaults: true });
  const path = ["google", "devtools", "artifactregistry", "v1", "ArtifactRegistry"];
  let found: GrpcObject | GrpcObject[string] = loadPackageDefinition(definition);
  for (const name of path) found = (found as GrpcObject)[name] as GrpcObject[string];
  return (found as ServiceClientConstructor).service;
}

export async function startGoogleServer(): Promise<GoogleServer> {
  const server = new Server();
  const requests: ListRequest[] = [];

  function listDockerImages(call: ServerUnaryCall<ListRequest, object>, callback: sendUnaryData<object>): void {
    const { parent, pageSize, pageToken } = call.request;
    requests.push({ parent, pageSize, pageToken });
    if (state.silent) return;
    const failure = state.failures.shift() ?? null;
    const images = state.repositories.get(parent);
    if (failure !== null || images === undefined) {
      callback({ code: failure ?? 5, details: "canary: the library's own words" });
      return;
    }
    const start = Number(pageToken || 0);
    const end = start + Math.min(pageSize, state.pageSize);
    const next = end < images.length ? String(end) : "";
    callback(null, { dockerImages: images.slice(start, end), nextPageToken: state.nextToken ?? next });
  }

  server.addService(await serviceDefinition(), { listDockerImages });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  const state: GoogleServer = {
    endpoint: `127.0.0.1:${port}`,
    repositories: new Map(),
    failures: [],
    pageSize: 1_000,
    silent: false,
    nextToken: null,
    requests,
    close: () => server.forceShutdown(),
  };
  return state;
}
