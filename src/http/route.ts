import type { IncomingMessage, ServerResponse } from "node:http";
import type { StateReader } from "../ports.ts";

/** What the routes read of the state. */
export type RouteState = Pick<StateReader, "epoch" | "current" | "sources" | "staleReason">;

/** Answers one request. What it throws or rejects with is answered with 500 and logged. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** What is served under one path. */
export interface Route {
  readonly methods: readonly string[];
  /** Whether it tells of images, and is for loopback alone unless anonymous reading is allowed. */
  readonly isRead: boolean;
  readonly handle: RequestHandler;
}

/** The methods of routes that are read. */
export const READ_METHODS = ["GET", "HEAD"] as const;
