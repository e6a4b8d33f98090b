import { type AnyEventObject, fromCallback } from "xstate";
import type { PrepullWork } from "../../src/domain/prepull/prepull-work.ts";
import type { PullOrder, PullTarget } from "../../src/domain/prepull/pull.ts";
import type { NodePrepullEvent, NodePrepullSettings, PullDropped } from "../../src/machines/prepuller/node-prepull.ts";
import type { PrepullerSettings } from "../../src/machines/prepuller/prepuller-state.ts";
import type { Clock } from "../../src/ports.ts";
import { CORDON, digest, nodeReport, tableOf } from "./image-world.ts";

/** A target by the short name of its digest; `recommended` is the recommended one. */
export function target(name: string): PullTarget {
  const reference = `registry.test/sciplat/lab:${name}@${digest(name)}`;
  return { digest: digest(name), reference, isRecommended: name === "recommended" };
}

/** Both scales of a clock. */
export function timesOf(clock: Clock) {
  return () => ({ wall: clock.wallTime(), monotonic: clock.monotonicTime() });
}

/** Settings of a node's actor on this clock, without chance. */
export function nodeSettings(clock: Clock, changes: Partial<NodePrepullSettings> = {}): NodePrepullSettings {
  const backoff = { first: 10_000, longest: 300_000 };
  return { mode: "built-in", pullTimeout: 600_000, backoff, now: timesOf(clock), random: () => 0, ...changes };
}

/** Settings of the prepuller. */
export function prepullerSettings(changes: Partial<PrepullerSettings> = {}): PrepullerSettings {
  return {
    mode: "built-in",
    maxConcurrentPulls: 2,
    pullTimeout: 600_000,
    backoff: { first: 10_000, longest: 300_000 },
    sweepInterval: 600_000,
    ...changes,
  };
}

/** What is to be pulled where: names of images by name of node. Nodes without work may be ineligible, or hold images. */
export interface WorkContent {
  readonly lacking: Readonly<Record<string, readonly string[]>>;
  readonly ineligible?: readonly string[];
  /** Nodes that lack nothing, with what is on them. */
  readonly complete?: Readonly<Record<string, readonly string[]>>;
  readonly uids?: Readonly<Record<string, string>>;
  /** How many images, none of them in the set, nodes with work report. */
  readonly reported?: Readonly<Record<string, number>>;
  readonly setSize?: number;
}

/** Work as a snapshot would give it. */
export function workWith({
  lacking,
  ineligible = [],
  complete = {},
  uids = {},
  reported = {},
  setSize = 6,
}: WorkContent): PrepullWork {
  const uidOf = (node: string) => uids[node] ?? `uid-${node}`;
  const nodes = Object.entries(lacking).map(([node, names]) => ({
    node,
    uid: uidOf(node),
    targets: names.map(target),
    missing: { node, images: [] },
  }));
  const table = tableOf([
    ...Object.keys(lacking).map((node) => {
      const others = Array.from({ length: reported[node] ?? 0 }, (_, at) => [`other-${at}`, 1] as const);
      return nodeReport(node, { uid: uidOf(node), images: Object.fromEntries(others) });
    }),
    ...ineligible.map((node) => nodeReport(node, { uid: uidOf(node), taints: [CORDON] })),
    ...Object.entries(complete).map(([node, names]) =>
      nodeReport(node, { uid: uidOf(node), images: Object.fromEntries(names.map((name) => [name, 1])) }),
    ),
  ]);
  return {
    nodes: nodes.sort((a, b) => (a.node < b.node ? -1 : 1)),
    setSize,
    recommended: null,
    table,
  };
}

/** A pull that is under way, in the test's hands. */
export interface HeldPull {
  readonly order: PullOrder;
  end(event: NodePrepullEvent): void;
}

/** The effect `pull`: pulls start, and end when the test says so. */
export interface HeldPulls {
  readonly logic: ReturnType<typeof fromCallback<PullDropped, PullOrder>>;
  /** By `node digest`. */
  readonly running: ReadonlyMap<string, HeldPull>;
  /** Every pull that was started, as `node digest`. */
  readonly started: readonly string[];
  /** Pulls that were told to be left as they are. */
  readonly dropped: readonly string[];
  succeed(node: string, name: string): void;
  fail(node: string, name: string, reason?: string): void;
  breakNext(): void;
}

/** No pull at first. */
export function heldPulls(): HeldPulls {
  const running = new Map<string, HeldPull>();
  const started: string[] = [];
  const dropped: string[] = [];
  let breaks = false;

  function end(node: string, name: string, event: NodePrepullEvent): void {
    const pull = running.get(`${node} ${digest(name)}`);
    if (pull === undefined) throw new Error(`${name} is not being pulled to ${node}`);
    pull.end(event);
  }

  return {
    logic: fromCallback<PullDropped, PullOrder>(({ input, sendBack, receive }) => {
      const key = `${input.node} ${input.digest}`;
      started.push(key);
      if (breaks) {
        breaks = false;
        throw new Error("a defect of the test's making");
      }
      const pull = { order: input, end: (event: AnyEventObject) => sendBack(event) };
      running.set(key, pull);
      receive(() => void dropped.push(key));
      return () => {
        if (running.get(key) === pull) running.delete(key);
      };
    }),
    running,
    started,
    dropped,
    succeed: (node, name) => end(node, name, { type: "pull.succeeded" }),
    fail: (node, name, reason = "ErrImagePull") =>
      end(node, name, {
        type: "pull.failed",
        failure: { failureClass: "other", reason, message: `${reason} of ${name}` },
      }),
    breakNext() {
      breaks = true;
    },
  };
}
