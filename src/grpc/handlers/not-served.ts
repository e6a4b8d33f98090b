import { status } from "@grpc/grpc-js";
import { ProtocolError } from "../protocol-error.ts";
import type { StreamHandler } from "../stream-call.ts";
import type { UnaryHandler } from "../unary-call.ts";

function notServed(method: string): ProtocolError {
  return new ProtocolError(status.UNIMPLEMENTED, `${method} is part of the contract and not served yet`);
}

/** Answers for a method of the contract that has no implementation yet. */
export function notServedUnary(method: string): UnaryHandler<unknown> {
  return () => {
    throw notServed(method);
  };
}

/** As `notServedUnary`, for a stream. */
export function notServedStream(method: string): StreamHandler<unknown> {
  return (_request, stream) => stream.fail(notServed(method));
}
