import { type NodeTable, nodeNamed } from "../domain/nodes/node-table.ts";
import { type PrepullTask, progressOfTask } from "../domain/prepull/prepull-tasks.ts";
import { isSameList } from "../domain/same-list.ts";
import { alongside } from "../domain/snapshot/alongside.ts";
import type { PrepullProgress, WorkByNode } from "../domain/snapshot/answers.ts";
import type { EndedWork, PrepullerContext } from "../machines/prepuller/prepuller-state.ts";

/** The prepuller's work as the readers see it. */
export interface ProgressView {
  /** The work or the nodes have changed, or may have: the next `read` looks again, and what is kept of many nodes that have left goes. */
  changed(table: NodeTable | null): void;
  /** The same object until something has changed; a node's list whose entries are as they were is the same array. */
  read(context: PrepullerContext | null, table: NodeTable | null): WorkByNode;
}

const NOTHING: WorkByNode = new Map();
const NO_TASKS: readonly PrepullTask[] = [];
const NONE_ENDED: readonly EndedWork[] = [];

/** What was made for one node, and what it was made of. */
interface NodeMemo {
  readonly uid: string;
  readonly tasks: readonly PrepullTask[];
  readonly ended: readonly EndedWork[];
  readonly made: readonly PrepullProgress[];
}

/** Looks at a node when it is asked for, and keeps what was made for it for as long as the work on it is as it was. */
export function createProgressView(): ProgressView {
  const memos = new Map<string, NodeMemo>();
  let current: WorkByNode | null = null;

  function readNow({ actors, ended }: PrepullerContext, table: NodeTable): WorkByNode {
    const endedOn = endedByNode(ended);
    // Nodes are mostly asked for in their order.
    const find = alongside(table.records, ({ report }) => report.name);
    return {
      get(name) {
        const actor = actors.get(name);
        const ownEnded = endedOn.get(name) ?? NONE_ENDED;
        if (actor === undefined && ownEnded.length === 0) return undefined;
        const uid = (find(name) ?? nodeNamed(table, name))?.report.uid ?? "";
        const tasks = actor?.uid === uid ? actor.ref.getSnapshot().context.tasks : NO_TASKS;
        const memo = memoOf(memos.get(name), name, { uid, tasks, ended: ownEnded });
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
    read(context, table) {
      current ??= context === null || table === null ? NOTHING : readNow(context, table);
      return current;
    },
  };
}

function endedByNode(ended: PrepullerContext["ended"]): ReadonlyMap<string, readonly EndedWork[]> {
  const nodes = new Map<string, EndedWork[]>();
  for (const one of ended.values()) {
    const own = nodes.get(one.progress.node);
    if (own === undefined) nodes.set(one.progress.node, [one]);
    else own.push(one);
  }
  return nodes;
}

function memoOf(before: NodeMemo | undefined, name: string, now: Omit<NodeMemo, "made">): NodeMemo {
  if (before?.uid === now.uid && before.tasks === now.tasks && isSameList(before.ended, now.ended)) return before;
  const made = [...endedOf(now), ...progressOf(name, now.tasks, before)];
  return { ...now, made: before !== undefined && isSameList(before.made, made) ? before.made : made };
}

/** What has ended on this very node and is not under way again. */
function endedOf({ uid, tasks, ended }: Omit<NodeMemo, "made">): readonly PrepullProgress[] {
  return ended
    .filter((one) => one.uid === uid && !tasks.some(({ digest }) => digest === one.progress.digest))
    .map(({ progress }) => progress);
}

/** An entry of a task that is as it was is the same object. */
function progressOf(
  name: string,
  tasks: readonly PrepullTask[],
  before: NodeMemo | undefined,
): readonly PrepullProgress[] {
  const offset = before === undefined ? 0 : before.made.length - before.tasks.length;
  return tasks.map((task) => {
    const at = before?.tasks.indexOf(task) ?? -1;
    return (at < 0 ? undefined : before?.made[offset + at]) ?? progressOfTask(name, task);
  });
}
