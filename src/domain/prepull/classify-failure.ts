import { FAILURE_TABLE, type KnownFailureRow, type PullFailureClass } from "./failure-table.ts";
import { withoutNames } from "./failure-words.ts";

/** What the table says of a failure. */
export interface KnownFailure {
  readonly failureClass: PullFailureClass;
  /** What happened, for an operator, without what the kubelet or the API server said. */
  readonly message: string;
}

const ROWS: readonly KnownFailureRow[] = FAILURE_TABLE;
const OTHER = rowOf("other");
const DISK_FULL = rowOf("disk-full");
const NODE_RUNTIME = rowOf("node-runtime");
/** The kubelet names whatever resource is short: cpu, memory, pods, or an extended one. */
const NO_ROOM: KnownFailure = { failureClass: "node-refused", message: "the node has no room for the pod" };

const BY_REASON: ReadonlyMap<string, KnownFailure> = new Map(
  ROWS.flatMap((row) => {
    const { failureClass, message, reasons = "", messages = [] } = row;
    return [[reasons, message] as const, ...messages].flatMap(([names, own]) =>
      names.split(" ").map((reason) => [reason, { failureClass, message: own }] as const),
    );
  }).filter(([reason]) => reason !== ""),
);
const BY_OPEN_REASON: ReadonlyMap<string, KnownFailure> = new Map(
  ROWS.flatMap((row) => (row.openReasons ?? "").split(" ").map((reason) => [reason, row] as const)).filter(
    ([reason]) => reason !== "",
  ),
);
/** Classes that the API server decides: a quota on storage is no full disk. */
const OF_API_SERVER: ReadonlySet<PullFailureClass> = new Set(["refused", "kubernetes-unavailable", "name-taken"]);

/**
 * The class and the message of a failure, by the reason of Kubernetes and the whole text that came with it. The kubelet says
 * `ErrImagePull` of almost anything, so the text decides there; a full disk decides whatever the reason is. What fits no
 * row is `other`.
 */
export function classifyFailure(reason: string, text: string): KnownFailure {
  const known = BY_REASON.get(reason);
  if (known !== undefined && OF_API_SERVER.has(known.failureClass)) return known;
  const words = withoutNames(text);
  if (isSaid(DISK_FULL, words)) return DISK_FULL;
  // A container that could not be created has its image; the node may be to blame all the same.
  if (known?.failureClass === "container-failed" && isSaid(NODE_RUNTIME, words)) return NODE_RUNTIME;
  if (known !== undefined) return known;
  if (reason.startsWith("OutOf")) return NO_ROOM;
  // A kubelet that cannot keep its records gives the text of the error as the reason.
  return rowFor(words) ?? rowFor(withoutNames(reason)) ?? BY_OPEN_REASON.get(reason) ?? OTHER;
}

/** What has happened in failures of this class, and what an operator can do about it. */
export function describeClass(failureClass: PullFailureClass): string {
  const { message, remedy } = rowOf(failureClass);
  return `${message}; ${remedy}`;
}

/** Every class of the table: a bounded set, fit for a metric's label. */
export const PULL_FAILURE_CLASSES: readonly PullFailureClass[] = ROWS.map(({ failureClass }) => failureClass);

function rowFor(words: string): KnownFailureRow | undefined {
  return ROWS.find((row) => isSaid(row, words));
}

function isSaid({ pattern }: KnownFailureRow, words: string): boolean {
  return pattern?.test(words) === true;
}

function rowOf(failureClass: PullFailureClass): KnownFailureRow {
  const row = ROWS.find((each) => each.failureClass === failureClass);
  if (row === undefined) throw new Error(`no class of failures: ${failureClass}`);
  return row;
}
