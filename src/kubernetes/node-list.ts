import { setImmediate as nextTurn } from "node:timers/promises";
import { KubernetesUnavailableError } from "../domain/errors.ts";
import type { NodeReport } from "../domain/node-report.ts";
import type { Clock, NodePage } from "../ports.ts";
import { KubernetesAnswerError, nonsenseError } from "./api-errors.ts";
import type { KubernetesConnection } from "./connection.ts";
import type { ImageInterning } from "./image-interning.ts";
import { objectOf, readNode, resourceVersionOf } from "./node-object.ts";

/** Completes "cannot …" in messages. */
const WHAT = "list nodes";

/** Nodes that are reduced before others get their turn: parsing 100 of them takes 12 ms already. */
const NODES_A_TURN = 25;

/** Bounds of a list. */
export interface NodeListLimits {
  /** Nodes a page. */
  readonly pageSize: number;
  /** Pages of one list, against a server that never ends. */
  readonly maxPages: number;
  /** Milliseconds for one page. */
  readonly pageMs: number;
  /** How often a list starts over because its continue token has expired. */
  readonly maxRestarts: number;
}

export const defaultListLimits: NodeListLimits = { pageSize: 100, maxPages: 1_000, pageMs: 30_000, maxRestarts: 2 };

/** What a list needs. */
export interface NodeListContext {
  readonly connection: KubernetesConnection;
  readonly clock: Clock;
  readonly interning: ImageInterning;
  /** Label selector as the API has it; empty for all nodes. */
  readonly labelSelector: string;
  readonly limits: NodeListLimits;
}

/** Called while a list runs, in this order: `begins` with the version of the list, then its pages. */
export interface NodeListSteps {
  /** A list of this version begins; what was handed over before is void. */
  begins(resourceVersion: string): void;
  page(page: NodePage): void;
  /** The list starts over. */
  restarts(): void;
}

/**
 * Lists the nodes page by page, as one consistent state. A continue token that has expired (410) starts the list over,
 * as often as the limits say. Errors as in `NodeSource.list`.
 */
export async function listNodes(context: NodeListContext, steps: NodeListSteps, signal: AbortSignal): Promise<void> {
  for (let restarts = 0; ; restarts += 1) {
    try {
      return await listOnce(context, steps, signal);
    } catch (error) {
      const expired = error instanceof KubernetesAnswerError && error.status === 410;
      if (!expired || restarts >= context.limits.maxRestarts) throw error;
      steps.restarts();
    }
  }
}

async function listOnce(context: NodeListContext, steps: NodeListSteps, signal: AbortSignal): Promise<void> {
  const { limits, clock } = context;
  let continuation = "";
  for (let number = 0; number < limits.maxPages; number += 1) {
    const observedAt = clock.monotonicTime();
    const body = await requestPage(context, continuation, signal);
    const metadata = objectOf(objectOf(body)["metadata"]);
    if (number === 0) steps.begins(versionOfList(body));
    const nodes = await readItems(objectOf(body)["items"], context.interning, signal);
    steps.page({ nodes, observedAt });
    const next = metadata["continue"];
    if (typeof next !== "string" || next === "") return;
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

function versionOfList(body: unknown): string {
  const version = resourceVersionOf(body);
  if (objectOf(body)["kind"] !== "NodeList" || version === "") throw nonsenseError(WHAT, "no NodeList");
  return version;
}

async function readItems(
  items: unknown,
  interning: ImageInterning,
  signal: AbortSignal,
): Promise<readonly NodeReport[]> {
  const nodes: NodeReport[] = [];
  if (!Array.isArray(items)) return nodes;
  for (const [index, item] of items.entries()) {
    if (index % NODES_A_TURN === 0) {
      await nextTurn();
      signal.throwIfAborted();
    }
    const read = readNode(item, interning);
    if (read === null) throw nonsenseError(WHAT, "a node without name or uid");
    nodes.push(read.report);
  }
  return nodes;
}
