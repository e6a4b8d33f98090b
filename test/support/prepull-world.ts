import { fromCallback } from "xstate";
import type { PrepullWork } from "../../src/domain/prepull/prepull-work.ts";
import type { PullFailure, PullOrder, PullTarget } from "../../src/domain/prepull/pull.ts";
import type { PrepullerSettings } from "../../src/machines/prepuller/prepull-state.ts";
import type { PullRequest } from "../../src/machines/prepuller/prepuller-events.ts";
import type { Clock } from "../../src/ports.ts";
import { CORDON, digest, nodeReport, tableOf } from "./image-world.ts";

/** A target by the short name of its digest; `recommended` is the recommended one. */
export function target(name: string): PullTarget {
  const reference = `registry.test/sciplat/lab:${name}@${digest(name)}`;
  return { digest: digest(name), reference, sizeBytes: null, isRecommended: name === "recommended" };
}

/** Both scales of a clock. */
export function timesOf(clock: Clock) {
  return () => ({ wall: clock.wallTime(), monotonic: clock.monotonicTime() });
}

/** Settings of the prepuller. */
export function prepullerSettings(changes: Partial<PrepullerSettings> = {}): PrepullerSettings {
  return {
    mode: "built-in",
    maxConcurrentPulls: 2,
    isAdaptive: true,
    pullTimeout: 600_000,
    stuckPullTimeout: 900_000,
    backoff: { first: 10_000, longest: 300_000 },
    sweepInterval: 600_000,
    ...changes,
  };
}

/** What is to be pulled where: names of images by name of node. Nodes without work may be ineligible, or hold images. */
export interface WorkContent {
  readonly lacking: Readonly<Record<string, readonly string[]>>;
  readonly ineligible?: readonly string[];
  /** Nodes without work, with what is on them: they lack nothing, or are ineligible, too. */
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
      nodeReport(node, {
        uid: uidOf(node),
        images: Object.fromEntries(names.map((name) => [name, 1])),
        taints: ineligible.includes(node) ? [CORDON] : [],
      }),
    ),
  ]);
  return {
    nodes: nodes.sort((a, b) => (a.node < b.node ? -1 : 1)),
    setSize,
    firsts: [],
    table,
  };
}

/** What the actor that runs a pull may report. */
export type PullReportContent =
  | { readonly type: "pull.accepted" | "pull.succeeded" }
  | { readonly type: "pull.withdrawn"; readonly mayGoOn: boolean }
  | { readonly type: "pull.failed" | "pull.stalled"; readonly failure: PullFailure };

/** A pull in progress, in the test's hands. */
export interface HeldPull {
  readonly order: PullOrder;
  end(report: PullReportContent): void;
}

/** The effect `pull`: pulls start, and end when the test says so, or when they are withdrawn. */
export interface HeldPulls {
  readonly logic: ReturnType<typeof fromCallback<PullRequest, PullOrder>>;
  /** By `node digest`. */
  readonly running: ReadonlyMap<string, HeldPull>;
  /** Every pull that was started, as `node digest`. */
  readonly started: readonly string[];
  /** Pulls that were left as they are, without an end. */
  readonly released: readonly string[];
  /** What pulls were sent, as `node digest: request`. */
  readonly requests: string[];
  /** What a pull that is withdrawn, or whose pod is to go, reports at once; at first that it has no pod. */
  withdrawn: "ends" | "goes on" | "nothing";
  succeed(node: string, name: string): void;
  fail(node: string, name: string, reason?: string): void;
  breakNext(): void;
}

/** No pull at first. */
export function heldPulls(): HeldPulls {
  const running = new Map<string, HeldPull>();
  const started: string[] = [];
  const released: string[] = [];
  let breaks = false;

  function end(node: string, name: string, report: PullReportContent): void {
    const pull = running.get(`${node} ${digest(name)}`);
    if (pull === undefined) throw new Error(`${name} is not being pulled to ${node}`);
    pull.end(report);
  }

  const pulls: HeldPulls = {
    logic: fromCallback<PullRequest, PullOrder>(({ input, sendBack, receive }) => {
      const key = `${input.node} ${input.digest}`;
      started.push(key);
      if (breaks) {
        breaks = false;
        throw new Error("a defect of the test's making");
      }
      const forget = () => {
        if (running.get(key) === pull) running.delete(key);
      };
      let hasEnded = false;
      const pull: HeldPull = {
        order: input,
        end(report) {
          if (report.type !== "pull.accepted" && report.type !== "pull.stalled") {
            hasEnded = true;
            forget();
          }
          sendBack({ ...report, uid: input.nodeUid, digest: input.digest });
        },
      };
      running.set(key, pull);
      receive(({ type }) => {
        pulls.requests.push(`${key}: ${type}`);
        if (type === "pull.giveUp" || pulls.withdrawn === "nothing") return;
        if (type === "pull.remove" || pulls.withdrawn === "ends") {
          pull.end({ type: "pull.withdrawn", mayGoOn: pulls.withdrawn === "goes on" });
        }
      });
      return () => {
        forget();
        if (!hasEnded) released.push(key);
      };
    }),
    running,
    started,
    released,
    requests: [],
    withdrawn: "ends",
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
  return pulls;
}
