import type { status } from "@grpc/grpc-js";

/**
 * A failure that a standard protocol defines and that is no row of our own error table: a method that is not served
 * yet, a service that the health protocol does not know. The text is written for the caller.
 */
export class ProtocolError extends Error {
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.name = new.target.name;
    this.code = code;
  }
}
