/**
 * The limits on what peers may take, by protocol (docs/limits.md): values of labels, so that there are few of them and they
 * name nobody.
 */
export const PEER_LIMITS = {
  grpc: ["connections", "calls", "request_bytes", "request_time", "unsent_bytes", "response_time", "gates", "look_ups"],
  http: ["connections", "pipelined_requests", "request_time", "response_time", "bodies", "body_bytes", "body_time"],
} as const;

export type GrpcLimit = (typeof PEER_LIMITS.grpc)[number];
export type HttpLimit = (typeof PEER_LIMITS.http)[number];

/** A limit by its protocol. */
export type PeerLimit =
  | { readonly protocol: "grpc"; readonly limit: GrpcLimit }
  | { readonly protocol: "http"; readonly limit: HttpLimit };
