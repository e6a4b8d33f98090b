/**
 * The contract as grpc-js and the encoders need it, read once from the package's own `proto` folder. The options match
 * those that `src/grpc/gen` is generated with: camel-case names, enum names, 64-bit numbers as numbers, every field set.
 */
import { join } from "node:path";
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";
import {
  type AnyDefinition,
  loadSync,
  type MessageTypeDefinition,
  type Options,
  type PackageDefinition,
} from "@grpc/proto-loader";
import type { BadRequest } from "../gen/google/rpc/BadRequest.ts";
import type { ErrorInfo } from "../gen/google/rpc/ErrorInfo.ts";
import type { RetryInfo } from "../gen/google/rpc/RetryInfo.ts";
import type { Status } from "../gen/google/rpc/Status.ts";
import type { HealthCheckResponse } from "../gen/grpc/health/v1/HealthCheckResponse.ts";
import type { HealthListResponse } from "../gen/grpc/health/v1/HealthListResponse.ts";
import type { GetCallerResponse } from "../gen/labimages/v1/GetCallerResponse.ts";
import type { GetMenuResponse } from "../gen/labimages/v1/GetMenuResponse.ts";
import type { GetPrepullStatusResponse } from "../gen/labimages/v1/GetPrepullStatusResponse.ts";
import type { Image } from "../gen/labimages/v1/Image.ts";
import type { ListImagesResponse } from "../gen/labimages/v1/ListImagesResponse.ts";
import type { ListMissingImagesResponse } from "../gen/labimages/v1/ListMissingImagesResponse.ts";
import type { MarkPrepulledResponse } from "../gen/labimages/v1/MarkPrepulledResponse.ts";
import type { MenuImage } from "../gen/labimages/v1/MenuImage.ts";
import type { NodeImage } from "../gen/labimages/v1/NodeImage.ts";
import type { NodeMissingImages } from "../gen/labimages/v1/NodeMissingImages.ts";
import type { NodeStatus } from "../gen/labimages/v1/NodeStatus.ts";
import type { PrepullProgress } from "../gen/labimages/v1/PrepullProgress.ts";
import type { PrepullStatus } from "../gen/labimages/v1/PrepullStatus.ts";
import type { ReportPrepullResponse } from "../gen/labimages/v1/ReportPrepullResponse.ts";
import type { ResolveImageResponse } from "../gen/labimages/v1/ResolveImageResponse.ts";
import type { StateVersion } from "../gen/labimages/v1/StateVersion.ts";
import type { WaitForRefreshResponse } from "../gen/labimages/v1/WaitForRefreshResponse.ts";
import type { WatchPrepullStatusResponse } from "../gen/labimages/v1/WatchPrepullStatusResponse.ts";

/** The messages that this server encodes: whole, or field by field. */
interface EncodedMessages {
  "google.rpc.BadRequest": BadRequest;
  "google.rpc.ErrorInfo": ErrorInfo;
  "google.rpc.RetryInfo": RetryInfo;
  "google.rpc.Status": Status;
  "grpc.health.v1.HealthCheckResponse": HealthCheckResponse;
  "grpc.health.v1.HealthListResponse": HealthListResponse;
  "labimages.v1.GetCallerResponse": GetCallerResponse;
  "labimages.v1.GetMenuResponse": GetMenuResponse;
  "labimages.v1.GetPrepullStatusResponse": GetPrepullStatusResponse;
  "labimages.v1.Image": Image;
  "labimages.v1.ListImagesResponse": ListImagesResponse;
  "labimages.v1.ListMissingImagesResponse": ListMissingImagesResponse;
  "labimages.v1.MarkPrepulledResponse": MarkPrepulledResponse;
  "labimages.v1.MenuImage": MenuImage;
  "labimages.v1.NodeImage": NodeImage;
  "labimages.v1.NodeMissingImages": NodeMissingImages;
  "labimages.v1.NodeStatus": NodeStatus;
  "labimages.v1.PrepullProgress": PrepullProgress;
  "labimages.v1.PrepullStatus": PrepullStatus;
  "labimages.v1.ReportPrepullResponse": ReportPrepullResponse;
  "labimages.v1.ResolveImageResponse": ResolveImageResponse;
  "labimages.v1.StateVersion": StateVersion;
  "labimages.v1.WaitForRefreshResponse": WaitForRefreshResponse;
  "labimages.v1.WatchPrepullStatusResponse": WatchPrepullStatusResponse;
}

/** The folder of the .proto files. */
export const PROTO_FOLDER: string = join(import.meta.dirname, "..", "..", "..", "proto");

/** How the .proto files are turned into objects; `src/grpc/gen` is generated with the same. */
export const LOADER_OPTIONS: Options = {
  includeDirs: [PROTO_FOLDER],
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
};

/** Everything that is served. */
export const SERVED_DEFINITION: PackageDefinition = loadSync(
  ["labimages/v1/image_service.proto", "grpc/health/v1/health.proto"],
  LOADER_OPTIONS,
);

/** Full names of all methods that are served, without reflection. */
export const SERVED_METHODS: readonly string[] = Object.entries(SERVED_DEFINITION).flatMap(([name, definition]) =>
  Object.entries(definition).flatMap(([method, one]) => (isMethod(one) ? [`${name}/${method}`] : [])),
);

const DETAILS_DEFINITION = loadSync(["google/rpc/status.proto", "google/rpc/error_details.proto"], LOADER_OPTIONS);

/** Returns bytes as they are. grpc-js would send a bare Uint8Array as an empty message, so it is refused. */
function passBytes(value: unknown): Buffer {
  if (!Buffer.isBuffer(value)) throw new TypeError("a response has to be encoded before it is sent");
  return value;
}

/** What the loader's descriptors have of a field, with the name as in objects. */
interface FieldDescriptor {
  readonly name: string;
  readonly number: number;
}

function find(name: string): AnyDefinition {
  const definition = SERVED_DEFINITION[name] ?? DETAILS_DEFINITION[name];
  if (definition === undefined) throw new TypeError(`the contract does not define ${name}`);
  return definition;
}

function isMethod(value: unknown): value is MethodDefinition<object, Buffer> {
  return typeof value === "object" && value !== null && "requestDeserialize" in value && "responseSerialize" in value;
}

function isMessage(value: unknown): value is MessageTypeDefinition<object, object> {
  return typeof value === "object" && value !== null && "serialize" in value;
}

/** The service of this name, with responses that are bytes already. */
export function servedService(name: string): ServiceDefinition {
  const service: Record<string, MethodDefinition<object, Buffer>> = {};
  for (const [method, definition] of Object.entries(find(name))) {
    if (!isMethod(definition)) throw new TypeError(`${name} is no service`);
    service[method] = { ...definition, responseSerialize: passBytes };
  }
  return service;
}

function findMessage(name: string): MessageTypeDefinition<object, object> {
  const definition: unknown = find(name);
  if (!isMessage(definition)) throw new TypeError(`${name} is no message`);
  return definition;
}

/** The function that encodes messages of this type. */
export function messageEncoder<Name extends keyof EncodedMessages>(
  name: Name,
): (message: EncodedMessages[Name]) => Buffer {
  return findMessage(name).serialize;
}

/** Returns the numbers of the fields of this message by their names. */
export function fieldNumbers<Name extends keyof EncodedMessages>(
  name: Name,
): (field: keyof EncodedMessages[Name] & string) => number {
  const { field: fields } = findMessage(name).type as { readonly field: readonly FieldDescriptor[] };
  const numbers = new Map(fields.map((one) => [one.name, one.number]));
  return (field) => {
    const number = numbers.get(field);
    if (number === undefined) throw new TypeError(`${name} has no field ${field}`);
    return number;
  };
}
