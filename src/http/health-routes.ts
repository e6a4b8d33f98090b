import type { IncomingMessage, ServerResponse } from "node:http";
import { sourceLabel } from "../domain/source-label.ts";
import { createSingleFlight } from "../lib/memoize.ts";
import { sendBytes, sendText } from "./response.ts";
import type { RequestHandler, RouteState } from "./route.ts";

/** `/livez`: a response proves that the event loop runs. */
export function live(request: IncomingMessage, response: ServerResponse): void {
  sendText(request, response, 200, "live");
}

/** `/readyz`: ready once there is a snapshot, until the server shuts down; a stale snapshot counts. */
export function readinessHandler(reader: RouteState, isDraining: () => boolean): RequestHandler {
  return (request, response) => {
    const snapshot = reader.current();
    if (isDraining()) sendText(request, response, 503, "not ready: the server is shutting down");
    else if (snapshot === null) sendText(request, response, 503, `not ready: ${whyNoSnapshot(reader)}`);
    else sendText(request, response, 200, describeReady(snapshot.generation, reader.staleReason()));
  };
}

/** `/metrics`, in Prometheus's text format. Requests that come while it is rendered share it. */
export function metricsHandler(metrics: { readonly contentType: string; render(): Promise<string> }): RequestHandler {
  const flights = createSingleFlight<Buffer>();
  const never = new AbortController().signal;
  return async (request, response) => {
    const page = await flights.run("metrics", never, async () => Buffer.from(await metrics.render()));
    sendBytes(request, response, 200, page, ["Content-Type", metrics.contentType]);
  };
}

/** Which sources the first snapshot waits for, and why. */
export function whyNoSnapshot(reader: RouteState): string {
  const sources = reader.sources();
  const waiting = sources
    .filter(({ ok }) => !ok)
    .map((each) => `${sourceLabel(each, sources)}: ${each.reason === "" ? "no answer yet" : each.reason}`);
  return ["no snapshot yet", ...waiting].join("; ");
}

function describeReady(generation: number, staleReason: string | null): string {
  return `ready: snapshot ${generation}${staleReason === null ? "" : `, stale: ${staleReason}`}`;
}
