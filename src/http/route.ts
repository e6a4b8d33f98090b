import type { IncomingMessage, ServerResponse } from "node:http";
import type { StateReader } from "../ports.ts";

/** The part of the state that routes read. */
export type RouteState = Pick<StateReader, "epoch" | "current" | "sources" | "staleReason">;

/** Serves one request. What it throws or rejects with is logged, and becomes a 500. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** One path. */
export interface Route {
  readonly methods: readonly string[];
  /** Whether it serves images, and is for loopback alone unless anonymous reading is allowed. */
  readonly isRead: boolean;
  readonly handle: RequestHandler;
}

/** The methods of read-only routes. */
export const READ_METHODS = ["GET", "HEAD"] as const;
