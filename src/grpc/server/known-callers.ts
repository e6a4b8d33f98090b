import type { Metadata } from "@grpc/grpc-js";
import type { Caller } from "../../access/authorizer.ts";

const callers = new WeakMap<Metadata, Caller>();

/** Remembers the caller of the call with this metadata. */
export function rememberCaller(metadata: Metadata, caller: Caller): void {
  callers.set(metadata, caller);
}

/** Returns the caller of the call with this metadata; null where nobody has to be known. */
export function knownCaller(metadata: Metadata): Caller | null {
  return callers.get(metadata) ?? null;
}
