import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import type { Authorizer } from "../access/authorizer.ts";
import { LabImagesError } from "../domain/errors.ts";
import { isLoopback, networkSet, peerOf } from "../lib/net.ts";

/** Who may read images and prepulls over HTTP (docs/access.md). */
export interface ReadAccessOptions {
  /** `http.allowAnonymousRead`: everybody. */
  readonly allowAnonymousRead: boolean;
  /** `grpc.auth`: the same callers as of gRPC. */
  readonly auth?: Authorizer | undefined;
  /** `http.auth`: users whom a proxy has authenticated. The header is in lower case. */
  readonly trusted?: { readonly trustedHeader: string; readonly trustedProxies: readonly string[] } | undefined;
  /** Whether the server is bound to a loopback address. */
  readonly isOnLoopback: () => boolean;
}

/** Why a request is refused. */
export interface AccessProblem {
  readonly status: 401 | 403 | 503;
  readonly text: string;
}

/** Returns null where the request may read; at once where no token has to be reviewed. */
export type ReadAccess = (request: IncomingMessage) => AccessProblem | null | Promise<AccessProblem | null>;

const STATUSES: ReadonlyMap<string, AccessProblem["status"]> = new Map([
  ["UNAUTHENTICATED", 401],
  ["PERMISSION_DENIED", 403],
]);

export function createReadAccess({ allowAnonymousRead, auth, trusted, isOnLoopback }: ReadAccessOptions): ReadAccess {
  const isProxy = networkSet(trusted?.trustedProxies ?? []);

  function userOfProxy(request: IncomingMessage): AccessProblem | null | undefined {
    if (trusted === undefined) return undefined;
    const { trustedHeader } = trusted;
    const users = request.headersDistinct[trustedHeader];
    if (users === undefined) return undefined;
    if (!isProxy(request.socket.remoteAddress ?? "")) {
      return { status: 403, text: `the header ${trustedHeader} is taken from trusted proxies alone` };
    }
    // A proxy that appends its header to the one of a client would let the client choose who it is.
    if (users.length === 1 && /^[^,]*[^,\s][^,]*$/.test(users[0] ?? "")) return null;
    return { status: 401, text: `the header ${trustedHeader} names no user, or more than one` };
  }

  function problemOf(error: unknown): AccessProblem {
    if (!(error instanceof LabImagesError)) throw error;
    return { status: STATUSES.get(error.reason) ?? 503, text: error.message };
  }

  function authorized(
    request: IncomingMessage,
    authorizer: Authorizer,
  ): AccessProblem | null | Promise<AccessProblem | null> {
    const { socket, headers } = request;
    const address = socket.remoteAddress ?? "";
    const credentials = {
      authorization: headers.authorization ?? null,
      certificate: certificateOf(socket),
      peer: peerOf(address),
      isExposed: !(socket instanceof TLSSocket) && !isLoopback(address),
    };
    try {
      const caller = authorizer.authorize(credentials, "read", "this path");
      return caller instanceof Promise ? caller.then(() => null, problemOf) : null;
    } catch (error) {
      return problemOf(error);
    }
  }

  return (request) => {
    if (allowAnonymousRead) return null;
    const byProxy = userOfProxy(request);
    if (byProxy !== undefined) return byProxy;
    if (auth !== undefined) return authorized(request, auth);
    if (trusted !== undefined) return { status: 401, text: "the proxy that authenticates users has named none" };
    if (isOnLoopback() || certificateOf(request.socket) !== null) return null;
    return {
      status: 403,
      text: "beyond loopback this is served only with http.allowAnonymousRead, or to known callers",
    };
  };
}

function certificateOf(socket: unknown) {
  return socket instanceof TLSSocket ? (socket.getPeerX509Certificate() ?? null) : null;
}
