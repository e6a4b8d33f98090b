import { type NodeTable, nodeNamed } from "../domain/nodes/node-table.ts";
import { type NodeActivity, type PullRecord, progressOf } from "../domain/prepull/pull-record.ts";
import { isSameList } from "../domain/same-list.ts";
import type { PrepullProgress, WorkByNode } from "../domain/snapshot/answers.ts";
import { mergeCursor } from "../domain/snapshot/merge-cursor.ts";
import type { EndedPull, NodeState, PrepullState } from "../machines/prepuller/prepull-state.ts";

/** The prepuller's work as the readers see it. */
export interface ProgressView {
  /** The work or the nodes have changed, or may have: the next `read` looks again, and what is kept of many nodes that have left goes. */
  changed(table: NodeTable | null): void;
  /** The same object until something has changed; a node's list whose entries are as they were is the same array. */
  read(state: PrepullState | null, table: NodeTable | null): WorkByNode;
}

const NOTHING: WorkByNode = new Map();
const NONE_ENDED: readonly EndedPull[] = [];

/** What was made for one node, and what it was made of. */
interface NodeMemo {
  readonly uid: string;
  readonly state: NodeState | undefined;
  readonly ended: readonly EndedPull[];
  readonly made: readonly PrepullProgress[];
}

/** Looks at a node when it is asked for, and keeps what was made for it for as long as the work on it is as it was. */
export function createProgressView(): ProgressView {
  const memos = new Map<string, NodeMemo>();
  let current: WorkByNode | null = null;

  function readNow({ isActive, nodes, ended }: PrepullState, table: NodeTable): WorkByNode {
    const endedOn = endedByNode(ended);
    // Nodes are mostly asked for in their order.
    const find = mergeCursor(table.records, ({ report }) => report.name);
    return {
      get(name) {
        const state = isActive ? nodes.get(name) : undefined;
        const ownEnded = endedOn.get(name) ?? NONE_ENDED;
        if (state === undefined && ownEnded.length === 0) return undefined;
        const uid = (find(name) ?? nodeNamed(table, name))?.report.uid ?? "";
        const own = state?.context.uid === uid ? state : undefined;
        const memo = memoOf(memos.get(name), name, { uid, state: own, ended: ownEnded });
        memos.set(name, memo);
        return memo.made;
      },
    };
  }

  return {
    changed(table) {
      current = null;
      if (memos.size > 2 * (table?.records.length ?? 0)) memos.clear();
    },
    read(state, table) {
      current ??= state === null || table === null ? NOTHING : readNow(state, table);
      return current;
    },
  };
}

function endedByNode(ended: PrepullState["ended"]): ReadonlyMap<string, readonly EndedPull[]> {
  const nodes = new Map<string, EndedPull[]>();
  for (const one of ended.values()) {
    const own = nodes.get(one.progress.node);
    if (own === undefined) nodes.set(one.progress.node, [one]);
    else own.push(one);
  }
  return nodes;
}

function memoOf(before: NodeMemo | undefined, name: string, now: Omit<NodeMemo, "made">): NodeMemo {
  if (before?.uid === now.uid && before.state === now.state && isSameList(before.ended, now.ended)) return before;
  const records = recordsOf(now.state);
  const made = [...endedOf(now, records), ...entriesOf(name, now.state, records, before)];
  return { ...now, made: before !== undefined && isSameList(before.made, made) ? before.made : made };
}

/** What has ended on this very node and is not wanted there again. */
function endedOf(
  { uid, ended }: Pick<NodeMemo, "uid" | "ended">,
  records: readonly PullRecord[],
): readonly PrepullProgress[] {
  return ended
    .filter((one) => one.uid === uid && !records.some(({ digest }) => digest === one.progress.digest))
    .map(({ progress }) => progress);
}

/** An entry of an image that is as it was is the same object. */
function entriesOf(
  name: string,
  state: NodeState | undefined,
  records: readonly PullRecord[],
  before: NodeMemo | undefined,
): readonly PrepullProgress[] {
  const known = recordsOf(before?.state);
  const offset = (before?.made.length ?? 0) - known.length;
  return records.map((record) => {
    const activity = activityOn(state, record);
    const at = known.indexOf(record);
    const same = at >= 0 && activityOn(before?.state, record) === activity ? before?.made[offset + at] : undefined;
    return same ?? progressOf(name, record, activity);
  });
}

/** Nothing is shown of what is only remembered. */
function recordsOf(state: NodeState | undefined): readonly PullRecord[] {
  return state === undefined || state.context.isExcluded ? [] : state.context.records;
}

function activityOn(state: NodeState | undefined, { digest }: PullRecord): NodeActivity {
  const isPulling = state?.context.pulls.some((pull) => pull.digest === digest && pull.phase === "pulling") === true;
  if (isPulling) return "pulling";
  return state?.matches("stalled") === true ? "behind" : null;
}
