import { setImmediate as nextTurn } from "node:timers/promises";
import { KubernetesUnavailableError } from "../../domain/errors.ts";
import type { NodeReport } from "../../domain/nodes/node-report.ts";
import { objectOf } from "../../lib/json.ts";
import type { Clock, NodePage } from "../../ports.ts";
import { isExpired, unexpectedResponse } from "../client/api-errors.ts";
import type { KubernetesConnection } from "../client/connection.ts";
import type { ImageInterning } from "./image-interning.ts";
import { readNode, resourceVersionOf } from "./node-object.ts";

/** Completes "cannot …" in messages. */
const WHAT = "list nodes";

/** Nodes read per turn of the event loop: with all images new, one takes 0.1 to 0.5 ms. */
const NODES_PER_TURN = 25;

/** Limits of a list. */
export interface NodeListLimits {
  /** Nodes per page. The JSON of a page is parsed in one go: that of 100 nodes with 50 images takes 12 ms. */
  readonly pageSize: number;
  /** Pages of one list, against a server that never ends. */
  readonly maxPages: number;
  /** Deadline of one page, in ms. */
  readonly pageMs: number;
  /** How often a list starts over because its continue token has expired. */
  readonly maxRestarts: number;
}

export const defaultListLimits: NodeListLimits = { pageSize: 50, maxPages: 1_000, pageMs: 30_000, maxRestarts: 2 };

/** Configuration and collaborators of a list. */
export interface NodeListContext {
  readonly connection: KubernetesConnection;
  readonly clock: Clock;
  readonly interning: ImageInterning;
  /** Label selector as the API has it; empty for all nodes. */
  readonly labelSelector: string;
  readonly limits: NodeListLimits;
}

/** Callbacks of a running list, in this order: `begins` with its resource version, then its pages. */
export interface NodeListHandler {
  /** A list of this version begins; earlier pages are void. */
  begins(resourceVersion: string): void;
  /** A part of a page of the API server. */
  page(page: NodePage): void;
  /** The list starts over. */
  restarts(): void;
}

/**
 * Lists the nodes page by page, as one consistent state. A continue token that has expired (410) starts the list over,
 * as often as the limits say. Errors as in `NodeSource.list`.
 */
export async function listNodes(
  context: NodeListContext,
  handler: NodeListHandler,
  signal: AbortSignal,
): Promise<void> {
  for (let restarts = 0; ; restarts += 1) {
    try {
      return await listOnce(context, handler, signal);
    } catch (error) {
      if (!isExpired(error) || restarts >= context.limits.maxRestarts) throw error;
      handler.restarts();
    }
  }
}

async function listOnce(context: NodeListContext, handler: NodeListHandler, signal: AbortSignal): Promise<void> {
  const { limits, clock } = context;
  let continuation = "";
  for (let number = 0; number < limits.maxPages; number += 1) {
    const observedAt = clock.monotonicTime();
    const body = await requestPage(context, continuation, signal);
    const { resourceVersion, items, next } = readPage(body);
    if (number === 0) {
      handler.begins(resourceVersion);
      // From here on the watch may report nodes that are in no page.
      handler.page({ nodes: [], observedAt });
    }
    for await (const nodes of readItems(items, context.interning, signal)) {
      handler.page({ nodes, observedAt });
    }
    if (next === "") return;
    if (next === continuation) throw new KubernetesUnavailableError(`cannot ${WHAT}: the list repeats a page`);
    continuation = next;
  }
  throw new KubernetesUnavailableError(`cannot ${WHAT}: the list has more than ${limits.maxPages} pages`);
}

function requestPage(context: NodeListContext, continuation: string, signal: AbortSignal): Promise<unknown> {
  const { labelSelector, limits } = context;
  return context.connection.call({
    what: WHAT,
    path: "/api/v1/nodes",
    query: {
      limit: String(limits.pageSize),
      ...(labelSelector === "" ? {} : { labelSelector }),
      ...(continuation === "" ? {} : { continue: continuation }),
    },
    deadlineMs: limits.pageMs,
    signal,
  });
}

/** What of a page is used. */
interface ListPage {
  readonly resourceVersion: string;
  readonly items: readonly unknown[];
  /** The token for the next page; empty after the last one. */
  readonly next: string;
}

/** Each page is validated like the first: an unexpected response that passes for an empty last page would remove nodes. */
function readPage(body: unknown): ListPage {
  const { kind, metadata, items } = objectOf(body);
  const resourceVersion = resourceVersionOf(body);
  if (kind !== "NodeList" || resourceVersion === "") throw unexpectedResponse(WHAT, "expected a NodeList");
  // Null stands for none, as with everything that is written in Go.
  if (items !== null && !Array.isArray(items)) throw unexpectedResponse(WHAT, "a NodeList without items");
  const next = objectOf(metadata)["continue"];
  return { resourceVersion, items: items ?? [], next: typeof next === "string" ? next : "" };
}

/** The nodes of a page, some in each turn of the event loop. */
async function* readItems(
  items: readonly unknown[],
  interning: ImageInterning,
  signal: AbortSignal,
): AsyncGenerator<readonly NodeReport[]> {
  for (let from = 0; from < items.length; from += NODES_PER_TURN) {
    await nextTurn();
    signal.throwIfAborted();
    yield items.slice(from, from + NODES_PER_TURN).map((item) => {
      const read = readNode(item, interning);
      if (read === null) throw unexpectedResponse(WHAT, "a node without name or uid");
      return read.report;
    });
  }
}
