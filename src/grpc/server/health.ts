/**
 * The standard health-checking protocol (https://github.com/grpc/grpc/blob/master/doc/health-checking.md), for the server
 * as a whole and for the image service, which are well at the same time.
 */
import { status, type UntypedServiceImplementation } from "@grpc/grpc-js";
import type { HealthCheckRequest__Output } from "../gen/grpc/health/v1/HealthCheckRequest.ts";
import { createLatestWriter } from "../messages/latest-writer.ts";
import { checkText, LONGEST_NAME } from "./arguments.ts";
import { messageEncoder } from "./contract.ts";
import { IMAGE_SERVICE } from "./image-service.ts";
import { ProtocolError } from "./protocol-error.ts";
import { type StreamHandler, type StreamSettings, streamCall } from "./stream-call.ts";
import { type UnaryHandler, unaryCall } from "./unary-call.ts";

/** The full name of the service. */
export const HEALTH_SERVICE = "grpc.health.v1.Health";

const SERVICES: readonly string[] = ["", IMAGE_SERVICE];

const encodeCheckResponse = messageEncoder("grpc.health.v1.HealthCheckResponse");
const encodeListResponse = messageEncoder("grpc.health.v1.HealthListResponse");

/** The health of this server. */
export interface Health {
  /** Says from now on whether the services do their work; at the start they do not. */
  setServing(serving: boolean): void;
  /** The methods of the service, wrapped. */
  readonly implementation: UntypedServiceImplementation;
}

/** The health service of a server that is not serving yet. */
export function createHealth(settings: StreamSettings): Health {
  let serving = false;
  const watchers = new Set<(bytes: Buffer) => void>();

  function encodeCurrent(): Buffer {
    return encodeCheckResponse({ status: serving ? "SERVING" : "NOT_SERVING" });
  }

  const check: UnaryHandler<HealthCheckRequest__Output> = ({ service }) => {
    if (SERVICES.includes(checkText("service", service, LONGEST_NAME))) return encodeCurrent();
    throw new ProtocolError(status.NOT_FOUND, "this server has no such service");
  };

  const list: UnaryHandler<unknown> = () => {
    const state = { status: serving ? "SERVING" : "NOT_SERVING" } as const;
    return encodeListResponse({ statuses: Object.fromEntries(SERVICES.map((name) => [name, state])) });
  };

  const watch: StreamHandler<HealthCheckRequest__Output> = ({ service }, stream) => {
    const write = createLatestWriter(stream);
    if (!SERVICES.includes(checkText("service", service, LONGEST_NAME))) {
      write(encodeCheckResponse({ status: "SERVICE_UNKNOWN" }));
      return;
    }
    watchers.add(write);
    stream.onEnd(() => watchers.delete(write));
    write(encodeCurrent());
  };

  // A server that is stopping still says so: NOT_SERVING.
  const always = { ...settings, stopping: () => false };
  return {
    setServing(now) {
      if (serving === now) return;
      serving = now;
      for (const write of watchers) write(encodeCurrent());
    },
    implementation: {
      Check: unaryCall(`${HEALTH_SERVICE}/Check`, check, always),
      List: unaryCall(`${HEALTH_SERVICE}/List`, list, always),
      Watch: streamCall(`${HEALTH_SERVICE}/Watch`, watch, settings),
    },
  };
}
