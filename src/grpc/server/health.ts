/**
 * The standard health-checking protocol (https://github.com/grpc/grpc/blob/master/doc/health-checking.md), for the server
 * as a whole and for the image service, which have the same status.
 */
import { status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { createWakeup, type Wakeup } from "../../lib/abort.ts";
import type { HealthCheckRequest__Output } from "../gen/grpc/health/v1/HealthCheckRequest.ts";
import { checkText, MAX_NAME_LENGTH } from "./arguments.ts";
import { messageEncoder } from "./contract.ts";
import { IMAGE_SERVICE } from "./image-service.ts";
import { ProtocolError } from "./protocol-error.ts";
import { type StreamDeps, type StreamHandler, streamCall } from "./stream-call.ts";
import { type UnaryHandler, unaryCall } from "./unary-call.ts";

/** The full name of the service. */
export const HEALTH_SERVICE = "grpc.health.v1.Health";

const SERVICES: readonly string[] = ["", IMAGE_SERVICE];

const encodeCheckResponse = messageEncoder("grpc.health.v1.HealthCheckResponse");
const encodeListResponse = messageEncoder("grpc.health.v1.HealthListResponse");

/** The health of this server. */
export interface Health {
  /** Sets the status of the services: NOT_SERVING at the start. */
  setServing(serving: boolean): void;
  /** The methods of the service, wrapped. */
  readonly implementation: UntypedServiceImplementation;
}

/** The health service of a server that is not serving yet. */
export function createHealth(deps: StreamDeps): Health {
  let serving = false;
  const watchers = new Set<Wakeup>();

  function encodeCurrent(): Buffer {
    return encodeCheckResponse({ status: serving ? "SERVING" : "NOT_SERVING" });
  }

  const check: UnaryHandler<HealthCheckRequest__Output> = ({ service }) => {
    if (SERVICES.includes(checkText("service", service, MAX_NAME_LENGTH))) return encodeCurrent();
    throw new ProtocolError(status.NOT_FOUND, "this server has no such service");
  };

  const list: UnaryHandler<unknown> = () => {
    const state = { status: serving ? "SERVING" : "NOT_SERVING" } as const;
    return encodeListResponse({ statuses: Object.fromEntries(SERVICES.map((name) => [name, state])) });
  };

  const watch: StreamHandler<HealthCheckRequest__Output> = async function* ({ service }, { signal }) {
    const isKnown = SERVICES.includes(checkText("service", service, MAX_NAME_LENGTH));
    const changed = createWakeup(signal);
    if (isKnown) watchers.add(changed);
    try {
      for (;;) {
        yield isKnown ? encodeCurrent() : encodeCheckResponse({ status: "SERVICE_UNKNOWN" });
        await changed.wait();
      }
    } finally {
      watchers.delete(changed);
    }
  };

  // A server that is stopping still says so: NOT_SERVING.
  const always = { ...deps, stopping: () => false };
  return {
    setServing(now) {
      if (serving === now) return;
      serving = now;
      for (const watcher of watchers) watcher.notify();
    },
    implementation: {
      Check: unaryCall(`${HEALTH_SERVICE}/Check`, check, always),
      List: unaryCall(`${HEALTH_SERVICE}/List`, list, always),
      Watch: streamCall(`${HEALTH_SERVICE}/Watch`, watch, deps),
    },
  };
}
