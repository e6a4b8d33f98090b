import type { PrepullProgress } from "../domain/answers.ts";
import { type NodeTable, nodeNamed } from "../domain/node-table.ts";
import { type PrepullTask, progressOfTask } from "../domain/prepull-tasks.ts";
import type { PrepullerContext } from "../machines/prepuller-state.ts";

/** The prepuller's work as the readers see it. */
export interface ProgressView {
  /** The work has changed, or may have: the next `read` looks again. */
  changed(): void;
  /** The same array until something has changed; an entry that is as it was is the same object. */
  read(context: PrepullerContext | null, table: NodeTable | null): readonly PrepullProgress[];
}

/** Keeps what was made for one task for as long as the task is as it was. */
export function progressView(): ProgressView {
  const made = new WeakMap<PrepullTask, PrepullProgress>();
  let current: readonly PrepullProgress[] | null = null;

  function progressOf(node: string, task: PrepullTask): PrepullProgress {
    const known = made.get(task);
    if (known !== undefined) return known;
    const progress = progressOfTask(node, task);
    made.set(task, progress);
    return progress;
  }

  function readNow(context: PrepullerContext, table: NodeTable): readonly PrepullProgress[] {
    const byNode = new Map<string, PrepullProgress[]>();
    const tasks = new Map([...context.actors].map(([node, { ref }]) => [node, ref.getSnapshot().context.tasks]));
    for (const { uid, progress } of context.ended.values()) {
      const { node, digest } = progress;
      if (nodeNamed(table, node)?.report.uid !== uid) continue;
      if (!tasks.get(node)?.some((task) => task.digest === digest)) append(byNode, node, progress);
    }
    for (const [node, ofNode] of tasks) for (const task of ofNode) append(byNode, node, progressOf(node, task));
    const nodes = [...byNode].sort(([a], [b]) => (a < b ? -1 : 1));
    return nodes.flatMap(([, entries]) => entries);
  }

  return {
    changed() {
      current = null;
    },
    read(context, table) {
      current ??= context === null || table === null ? [] : readNow(context, table);
      return current;
    },
  };
}

function append(byNode: Map<string, PrepullProgress[]>, node: string, progress: PrepullProgress): void {
  const entries = byNode.get(node);
  if (entries === undefined) byNode.set(node, [progress]);
  else entries.push(progress);
}
