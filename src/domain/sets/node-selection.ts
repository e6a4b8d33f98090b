import type { NodeExpression } from "../settings.ts";

/** Labels of a node. */
export type Labels = Readonly<Record<string, string>>;

/** Which nodes a set selects, before any taint is looked at: all labels and all expressions have to match. */
export interface NodeSelection {
  readonly selector: Labels;
  readonly expressions: readonly NodeExpression[];
}

const INTEGER = /^[+-]?\d+$/;

/** Whether the labels match the selector and every expression (docs/spec/sets.md 4.1; Kubernetes, node affinity). */
export function isSelected(labels: Labels, { selector, expressions }: NodeSelection): boolean {
  return (
    Object.entries(selector).every(([key, value]) => labelOf(labels, key) === value) &&
    expressions.every((expression) => matchesExpression(labels, expression))
  );
}

/** The keys of labels that decide which nodes are selected. */
export function selectionKeys({ selector, expressions }: NodeSelection): readonly string[] {
  return [...Object.keys(selector), ...expressions.map(({ key }) => key)];
}

function matchesExpression(labels: Labels, { key, operator, values }: NodeExpression): boolean {
  const label = labelOf(labels, key);
  switch (operator) {
    case "In":
      return label !== undefined && values.includes(label);
    case "NotIn":
      return label === undefined || !values.includes(label);
    case "Exists":
      return label !== undefined;
    case "DoesNotExist":
      return label === undefined;
    case "Gt":
      return isBeyond(label, values[0], (a, b) => a > b);
    case "Lt":
      return isBeyond(label, values[0], (a, b) => a < b);
  }
}

/** `Gt` and `Lt` compare integers; anything else matches neither. */
function isBeyond(
  label: string | undefined,
  value: string | undefined,
  compare: (a: bigint, b: bigint) => boolean,
): boolean {
  if (label === undefined || value === undefined || !INTEGER.test(label) || !INTEGER.test(value)) return false;
  return compare(BigInt(label), BigInt(value));
}

function labelOf(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
