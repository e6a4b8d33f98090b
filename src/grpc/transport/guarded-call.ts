import type { Socket } from "node:net";
import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerMethodDefinition,
} from "@grpc/grpc-js";
import type { Clock } from "../../ports.ts";
import type { IncomingRequests } from "./incoming.ts";
import type { OpenCall } from "./open-call.ts";
import type { OutgoingMessages } from "./outgoing.ts";

/** What a guarded call needs. */
export interface CallGuards {
  readonly incoming: IncomingRequests;
  readonly outgoing: OutgoingMessages;
  readonly clock: Clock;
  /** Size in bytes of the last response of each method: that of the next one is about the same. */
  readonly lastSizes: Map<string, number>;
}

/** What a message counts for that grpc-js encodes: those of reflection, which hold a few of our files. */
const UNENCODED_BYTES = 32 * 1_024;

type Listener = Parameters<ServerInterceptingCallInterface["start"]>[0];
type Method = Pick<ServerMethodDefinition<unknown, unknown>, "path" | "requestStream">;
type Status = Parameters<ServerInterceptingCallInterface["sendStatus"]>[0];

/**
 * A call between grpc-js and its handler. The handler gets the request when it is complete and there is room for the
 * response, and each message leaves when there is room for it.
 */
export class GuardedCall extends ServerInterceptingCall {
  readonly #next: ServerInterceptingCallInterface;
  readonly #call: OpenCall;
  readonly #method: string;
  readonly #hasRequests: boolean;
  readonly #guards: CallGuards;

  constructor(
    next: ServerInterceptingCallInterface,
    call: OpenCall,
    { path, requestStream }: Method,
    guards: CallGuards,
  ) {
    super(next, {});
    this.#next = next;
    this.#call = call;
    this.#method = path;
    this.#hasRequests = requestStream;
    this.#guards = guards;
  }

  /** The connection's socket, which is the caller's side of TLS. */
  get socket(): Socket {
    return this.#call.connection.socket;
  }

  /** Ends the call with the status of this failure, whether its peer takes it or not. */
  fail(error: unknown): void {
    this.#call.fail(error);
  }

  override start(listener: Listener): void {
    const { incoming, outgoing, clock, lastSizes } = this.#guards;
    this.#next.start({
      onReceiveMetadata: (metadata) => listener.onReceiveMetadata(metadata),
      onReceiveMessage: (message) => {
        if (this.#hasRequests) incoming.received(this.#call, clock.monotonicTime());
        listener.onReceiveMessage(message);
      },
      onReceiveHalfClose: () => {
        incoming.close(this.#call);
        // From here on its peer has done its part: to wait for room that others hold is no stall.
        this.#call.stalledSince = null;
        outgoing.whenRoom(this.#call, lastSizes.get(this.#method) ?? 0, () => listener.onReceiveHalfClose());
      },
      onCancel: () => listener.onCancel(),
    });
  }

  override sendMetadata(metadata: Metadata): void {
    this.#next.sendMetadata(metadata);
  }

  override sendMessage(message: unknown, callback: () => void): void {
    const { outgoing, lastSizes } = this.#guards;
    const bytes = Buffer.isBuffer(message) ? message.length : UNENCODED_BYTES;
    lastSizes.set(this.#method, bytes);
    outgoing.send(this.#call, bytes, () => {
      this.#next.sendMessage(message, () => {
        outgoing.taken(this.#call);
        callback();
      });
    });
  }

  override sendStatus(status: Status): void {
    this.#call.stalledSince ??= this.#guards.clock.monotonicTime();
    this.#next.sendStatus(status);
  }
}
