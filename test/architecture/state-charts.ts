/**
 * The state charts of src/machines as Mermaid diagrams. `npm run charts` writes docs/state-charts.md, and a test compares
 * the two.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { coordinatorMachine } from "../../src/machines/coordinator.ts";
import { nodePrepullMachine } from "../../src/machines/prepuller/node-prepull.ts";
import { prepullerMachine } from "../../src/machines/prepuller/prepuller.ts";
import { refreshMachine } from "../../src/machines/refresh.ts";
import { waitGateMachine } from "../../src/machines/wait-gate.ts";

export const CHARTS_FILE: string = join(import.meta.dirname, "../../docs/state-charts.md");

const MACHINES = [coordinatorMachine, refreshMachine, waitGateMachine, prepullerMachine, nodePrepullMachine];

/** The part of xstate's StateNode that a chart shows. */
interface ChartNode {
  readonly key: string;
  readonly path: readonly string[];
  readonly type: string;
  readonly states: Readonly<Record<string, ChartNode>>;
  readonly initial: { readonly target: readonly ChartNode[] };
  readonly invoke: readonly { readonly id: string }[];
  readonly always?: readonly ChartTransition[];
  readonly transitions: ReadonlyMap<string, readonly ChartTransition[]>;
}

interface ChartTransition {
  readonly target?: readonly ChartNode[] | undefined;
  readonly guard?: unknown;
}

/** Returns the text of docs/state-charts.md. */
export function stateCharts(): string {
  const charts = MACHINES.map(({ id, root }) => {
    const lines = ["stateDiagram-v2", ...statesIn(root, "  "), ...transitionsIn(root, "  ")];
    return `## ${id}\n\n\`\`\`mermaid\n${lines.join("\n")}\n\`\`\`\n`;
  });
  const head = `# State charts

Written by \`npm run charts\` from the machines in \`src/machines\`; a test compares the two. A label is an event, \`after\` a delay,
\`done\` or \`error\` of what a state invokes, with its guard in brackets. Transitions that stay in their state are left out.
`;
  return [head, ...charts].join("\n");
}

function statesIn(node: ChartNode, indent: string): readonly string[] {
  const children = Object.values(node.states);
  const initial = node.type === "parallel" ? [] : node.initial.target.map((each) => `${indent}[*] --> ${nameOf(each)}`);
  return [
    ...initial,
    ...children.flatMap((child, at) => {
      const invoked = child.invoke.map(({ id }) => `${indent}${nameOf(child)}: ${child.key} (runs ${id})`);
      const inner = Object.keys(child.states).length === 0 ? [] : composite(child, indent);
      const label = invoked.length > 0 ? invoked : [`${indent}${nameOf(child)}: ${child.key}`];
      const separator = node.type === "parallel" && at > 0 ? [`${indent}--`] : [];
      return [
        ...separator,
        ...label,
        ...inner,
        ...(child.type === "final" ? [`${indent}${nameOf(child)} --> [*]`] : []),
      ];
    }),
  ];
}

function composite(node: ChartNode, indent: string): readonly string[] {
  return [`${indent}state ${nameOf(node)} {`, ...statesIn(node, `${indent}  `), `${indent}}`];
}

function transitionsIn(node: ChartNode, indent: string): readonly string[] {
  const own = [...[...node.transitions], ["", node.always ?? []] as const].flatMap(([event, transitions]) =>
    transitions.flatMap(({ target, guard }) =>
      (target ?? []).map((to) => `${indent}${nameOf(node)} --> ${nameOf(to)}${labelOf(event, guard)}`),
    ),
  );
  return [...own, ...Object.values(node.states).flatMap((child) => transitionsIn(child, indent))];
}

function nameOf({ path }: ChartNode): string {
  // A transition of the machine itself is one of whatever state it is in.
  return path.length === 0 ? "anyState" : path.join("_");
}

function labelOf(event: string, guard: unknown): string {
  const condition = typeof guard === "string" ? `[${guard}]` : "";
  const text = [eventName(event), condition].filter((part) => part !== "").join(" ");
  return text === "" ? "" : `: ${text}`;
}

function eventName(event: string): string {
  return event
    .replace(/^xstate\.after\.([^.]+)\..*$/s, "after $1")
    .replace(/^xstate\.(done|error)\.actor\./, "$1 ")
    .replace(/^xstate\.done\.state\..*$/s, "done");
}

if (import.meta.main) await writeFile(CHARTS_FILE, stateCharts());
