import type { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { type Metadata, ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import type { Authorizer, Caller, Credentials } from "../../access/authorizer.ts";
import { CHANGING_METHODS, type Requirement, requirementOf } from "../../access/permissions.ts";
import { KubernetesUnavailableError, LabImagesError, TooManyStreamsError } from "../../domain/errors.ts";
import { isLoopback, peerOf } from "../../lib/net.ts";
import { quotePeer } from "../../lib/redact.ts";
import type { LogFields } from "../../ports.ts";
import { GuardedCall } from "../transport/guarded-call.ts";
import { type CallDeps, recordCall } from "./call.ts";
import { traceOf } from "./call-trace.ts";
import { ERROR_TABLE } from "./error-table.ts";
import { rememberCaller } from "./known-callers.ts";

/** Interval in ms at which streams are authorised again. */
const REAUTHORIZE_MS = 300_000;
/** Delay in ms of the next attempt where a token could not be reviewed, and attempts before the stream ends. */
const RETRY_MS = 15_000;
const MAX_ATTEMPTS = 4;

/** Fields of requests that the log names with who has sent them. */
const LOGGED_FIELDS = ["reference", "node", "prepullState", "gate", "holder"] as const;

/** Lets a call reach its handler when its caller may make it (docs/access.md). Belongs behind the transport's interceptor. */
export function createAuthInterceptor(authorizer: Authorizer, deps: CallDeps): ServerInterceptor {
  const certificates = new WeakMap<Socket, X509Certificate | null>();
  const open = new Map<string, number>();
  const { settings } = authorizer;

  function certificateOf(socket: Socket): X509Certificate | null {
    if (!(socket instanceof TLSSocket)) return null;
    const known = certificates.get(socket);
    if (known !== undefined) return known;
    const certificate = socket.getPeerX509Certificate() ?? null;
    certificates.set(socket, certificate);
    return certificate;
  }

  function credentialsOf({ socket }: GuardedCall, metadata: Metadata): Credentials {
    const [authorization] = metadata.get("authorization");
    const certificate = certificateOf(socket);
    const address = socket.remoteAddress ?? "";
    return {
      authorization: authorization === undefined ? null : String(authorization),
      certificate,
      peer: peerOf(address),
      isExposed: !(socket instanceof TLSSocket) && !isLoopback(address),
    };
  }

  function enter({ name }: Caller): () => void {
    const count = (open.get(name) ?? 0) + 1;
    if (count > settings.maxCallsPerCaller) throw new TooManyStreamsError(settings.maxCallsPerCaller);
    open.set(name, count);
    return () => {
      const left = (open.get(name) ?? 1) - 1;
      if (left === 0) open.delete(name);
      else open.set(name, left);
    };
  }

  function followStream(call: GuardedCall, credentials: Credentials, requirement: Requirement, method: string) {
    let failures = 0;
    let isOver = false;
    let cancel = deps.clock.schedule(REAUTHORIZE_MS, () => void again());
    async function again(): Promise<void> {
      try {
        await authorizer.authorize(credentials, requirement, method);
        failures = 0;
      } catch (error) {
        failures += 1;
        const mayPass = error instanceof KubernetesUnavailableError && failures < MAX_ATTEMPTS;
        if (!mayPass && !isOver) call.fail(error);
      }
      if (!isOver) cancel = deps.clock.schedule(failures > 0 ? RETRY_MS : REAUTHORIZE_MS, () => void again());
    }
    return () => {
      isOver = true;
      cancel();
    };
  }

  return ({ path, responseStream }, call) => {
    const requirement = requirementOf(path, settings.public);
    const method = path.slice(1);
    if (requirement === null) return new ServerInterceptingCall(call);
    if (!(call instanceof GuardedCall)) throw new TypeError("the transport's interceptor has to come first");
    const guarded = call;
    const startedAt = deps.clock.monotonicTime();
    const releases: (() => void)[] = [];
    let isOver = false;
    let caller: Caller | null = null;
    let trace: LogFields = {};

    function refuse(error: unknown, metadata: Metadata): void {
      if (isOver) return;
      const code = error instanceof LabImagesError ? ERROR_TABLE[error.reason].code : status.INTERNAL;
      const named = { getPeer: () => guarded.getPeer(), metadata };
      recordCall(deps, { method, startedAt, call: named }, code);
      guarded.fail(error);
    }

    function admit(known: Caller, credentials: Credentials, metadata: Metadata, proceed: (it: Metadata) => void) {
      if (isOver) return;
      try {
        releases.push(enter(known));
      } catch (error) {
        refuse(error, metadata);
        return;
      }
      if (responseStream) releases.push(followStream(guarded, credentials, requirement ?? "any", method));
      caller = known;
      trace = traceOf(metadata);
      rememberCaller(metadata, known);
      proceed(metadata);
    }

    return new ServerInterceptingCall(guarded, {
      start(next) {
        next({
          onReceiveMetadata(metadata, proceed) {
            const credentials = credentialsOf(guarded, metadata);
            metadata.remove("authorization");
            try {
              const known = authorizer.authorize(credentials, requirement, method);
              if (known instanceof Promise) {
                known
                  .then((it) => admit(it, credentials, metadata, proceed))
                  .catch((error: unknown) => refuse(error, metadata));
              } else admit(known, credentials, metadata, proceed);
            } catch (error) {
              refuse(error, metadata);
            }
          },
          onReceiveMessage(message, proceed) {
            if (caller !== null && CHANGING_METHODS.has(path)) {
              deps.logger.info(
                { caller: caller.name, method, ...loggedFields(message), ...trace },
                "call that changes something",
              );
            }
            proceed(message);
          },
          onCancel() {
            isOver = true;
            for (const release of releases.splice(0)) release();
          },
        });
      },
    });
  };
}

function loggedFields(message: unknown): Readonly<Record<string, string>> {
  if (typeof message !== "object" || message === null) return {};
  const given = new Map<string, unknown>(Object.entries(message));
  const named = LOGGED_FIELDS.map((name) => [name, quotePeer(String(given.get(name) ?? ""))] as const);
  return Object.fromEntries(named.filter(([, value]) => value !== ""));
}
