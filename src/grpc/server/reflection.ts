import type { Server, ServerDuplexStream } from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { ShuttingDownError } from "../../domain/errors.ts";
import { compiledDescriptors } from "./descriptors.ts";
import { statusOf } from "./error-table.ts";
import { HEALTH_SERVICE } from "./health.ts";
import { IMAGE_SERVICE } from "./image-service.ts";
import type { StreamDeps } from "./stream-call.ts";

type ReflectionCall = ServerDuplexStream<unknown, unknown>;
type AddService = Server["addService"];

/** The one method of the reflection protocol, in both versions. */
const METHOD = "ServerReflectionInfo";

/**
 * Adds server reflection, v1 and v1alpha. The library writes a response for each request whatever the caller reads; here
 * the requests wait while the responses are not read, and the streams are counted and ended like all others.
 */
export function addReflection(server: Server, deps: StreamDeps): void {
  const addBounded: AddService = (service, implementation) => {
    const serve: unknown = implementation[METHOD];
    if (typeof serve !== "function") throw new TypeError("the reflection library has changed its form");
    const bounded = (call: ReflectionCall): void => {
      if (admit(call, deps)) {
        Reflect.apply(serve, implementation, [call]);
        bound(call);
      }
    };
    server.addService(service, { [METHOD]: bounded });
  };
  const recorder: Server = Object.create(server, { addService: { value: addBounded } });
  new ReflectionService(compiledDescriptors(), { services: [IMAGE_SERVICE, HEALTH_SERVICE] }).addToServer(recorder);
}

function admit(call: ReflectionCall, deps: StreamDeps): boolean {
  function end(error: unknown): void {
    call.emit("error", statusOf(error, METHOD, deps));
  }
  try {
    if (deps.stopping()) throw new ShuttingDownError();
    call.once(
      "close",
      deps.streams.open(() => end(new ShuttingDownError())),
    );
    return true;
  } catch (error) {
    end(error);
    return false;
  }
}

function bound(call: ReflectionCall): void {
  call.on("data", () => {
    if (call.writableNeedDrain) call.pause();
  });
  call.on("drain", () => call.resume());
}
