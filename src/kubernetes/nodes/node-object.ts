import { CORDON } from "../../domain/nodes/draining.ts";
import type { NodeReport, ReportedImage, Taint } from "../../domain/nodes/node-report.ts";
import { objectOf, textOf } from "../../lib/json.ts";
import type { ImageInterning } from "./image-interning.ts";

/** A node as the API sent it, reduced to what is used. */
export interface ReadNode {
  readonly report: NodeReport;
  readonly resourceVersion: string;
}

const ARCHITECTURE_LABEL = "kubernetes.io/arch";
const SYSTEM_LABEL = "kubernetes.io/os";
const noTaints: readonly Taint[] = [];
const noImages: readonly ReportedImage[] = [];

/**
 * Reads a core/v1 Node; null where it is none. Lists may be null or absent (docs/spec/nodes.md), an image may have
 * no names, and what else the object holds is let go.
 */
export function readNode(value: unknown, interning: ImageInterning): ReadNode | null {
  const object = objectOf(value);
  const metadata = objectOf(object["metadata"]);
  const { name, uid, resourceVersion } = metadata;
  if (typeof name !== "string" || name === "" || typeof uid !== "string" || uid === "") return null;
  const labels = objectOf(metadata["labels"]);
  const status = objectOf(object["status"]);
  const info = objectOf(status["nodeInfo"]);
  const report: NodeReport = {
    name,
    uid,
    architecture: firstText(labels[ARCHITECTURE_LABEL], info["architecture"]),
    os: firstText(labels[SYSTEM_LABEL], info["operatingSystem"]),
    labels: interning.internLabels(labels),
    taints: readTaints(objectOf(object["spec"])),
    images: readImages(status["images"], interning),
    createdAt: timeOf(metadata["creationTimestamp"]),
    notReadySince: notReadySince(status["conditions"]),
  };
  return { report, resourceVersion: textOf(resourceVersion) };
}

/** `metadata.resourceVersion` of any object, or of a list; empty where there is none. Opaque. */
export function resourceVersionOf(value: unknown): string {
  return textOf(objectOf(objectOf(value)["metadata"])["resourceVersion"]);
}

function readTaints({ taints: value, unschedulable }: Readonly<Record<string, unknown>>): readonly Taint[] {
  const taints = Array.isArray(value) && value.length > 0 ? value.map(readTaint) : noTaints;
  // A cordon sets the field, and a controller adds the taint a moment later. The scheduler goes by the field too.
  if (unschedulable !== true || taints.some(({ key }) => key === CORDON.key)) return taints;
  return [...taints, CORDON];
}

function readTaint(value: unknown): Taint {
  const { key, value: text, effect } = objectOf(value);
  return { key: textOf(key), value: textOf(text), effect: textOf(effect) };
}

function readImages(value: unknown, interning: ImageInterning): readonly ReportedImage[] {
  if (!Array.isArray(value) || value.length === 0) return noImages;
  return value.map((each) => {
    const { names, sizeBytes } = objectOf(each);
    const texts = Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
    const size = typeof sizeBytes === "number" && Number.isFinite(sizeBytes) && sizeBytes > 0 ? sizeBytes : 0;
    return interning.intern(texts, size);
  });
}

/** The first of the values that is a text with something in it. */
function firstText(...values: readonly unknown[]): string | null {
  for (const value of values) if (typeof value === "string" && value !== "") return value;
  return null;
}

/** Milliseconds since the epoch. */
function timeOf(value: unknown): number | null {
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? null : time;
}

/** Since when the condition Ready is not True; null where it is, and where the node has none yet. */
function notReadySince(value: unknown): number | null {
  if (!Array.isArray(value)) return null;
  const ready = value.map(objectOf).find(({ type }) => type === "Ready");
  return ready === undefined || ready["status"] === "True" ? null : timeOf(ready["lastTransitionTime"]);
}
