import { withheldReason } from "../images/withheld.ts";
import { exceedsLimit } from "../nodes/node-record.ts";
import { unresolvedWishes } from "../prepull/plan.ts";
import type { PodRefusal } from "../prepull/pod-refusal.ts";
import type { SnapshotParts } from "./snapshot.ts";

/** What the configuration asks for and cannot be had. The names are those of the contract. */
export type ProblemReason =
  | "RECOMMENDED_TAG_MISSING"
  | "PINNED_TAG_MISSING"
  | "NO_NODES"
  | "NO_ELIGIBLE_NODES"
  | "IMAGE_LIMIT_DIFFERS"
  | "TAGS_WITHHELD"
  | "LEASE_SHARED"
  | "PODS_REFUSED";

/** One of them, as a snapshot shows it (field case F23). */
export interface Problem {
  readonly reason: ProblemReason;
  /** The tag that is missing; empty where it is not about a tag. */
  readonly tag: string;
  /** For an operator. */
  readonly message: string;
}

/** Everything that the configuration asks for and the registry or the cluster does not have. */
export function problemsOf(parts: Pick<SnapshotParts, "settings" | "catalog" | "table">): readonly Problem[] {
  return [...missingTags(parts), ...withheldTags(parts), ...missingNodes(parts), ...differingLimits(parts)];
}

/** What keeps the built-in prepuller of this replica from its work, as of now. */
export function prepullProblems(prepuller: {
  readonly sharedWith: string | null;
  readonly refusal: PodRefusal | null;
}): readonly Problem[] {
  const { sharedWith, refusal } = prepuller;
  const problems: Problem[] = [];
  if (sharedWith !== null) problems.push({ reason: "LEASE_SHARED", tag: "", message: sharedLeaseReason(sharedWith) });
  const refused = refusal?.reported ?? null;
  if (refused !== null) problems.push({ reason: "PODS_REFUSED", tag: "", message: refused.message });
  return problems;
}

/** Why two installations with one lease are a fault, and what to do about it (field case F44). */
export function sharedLeaseReason(instance: string): string {
  return (
    `prepuller.leaderElection.leaseName: the installation ${instance} has acquired the same lease, so only one of the two ` +
    "prepulls at a time: give each installation a lease name of its own"
  );
}

function missingTags({ settings, catalog }: Pick<SnapshotParts, "settings" | "catalog">): readonly Problem[] {
  const ofCycle = settings.cycle === null ? "" : ` of cycle ${settings.cycle}`;
  return unresolvedWishes(settings, catalog.byTag).map(({ wish, tag }) =>
    wish === "recommended"
      ? {
          reason: "RECOMMENDED_TAG_MISSING",
          tag,
          message: `images.recommendedTag: the registry has no tag ${tag}${ofCycle}, so the menu has no recommended image`,
        }
      : { reason: "PINNED_TAG_MISSING", tag, message: `images.pin: the registry has no tag ${tag}${ofCycle}` },
  );
}

/** One for all of them: a registry may withhold hundreds for one reason. */
function withheldTags({ catalog: { withheld } }: Pick<SnapshotParts, "catalog">): readonly Problem[] {
  return withheld.length === 0 ? [] : [{ reason: "TAGS_WITHHELD", tag: "", message: withheldReason(withheld) }];
}

function missingNodes({ table: { records } }: Pick<SnapshotParts, "table">): readonly Problem[] {
  const [first] = records;
  if (first === undefined)
    return [{ reason: "NO_NODES", tag: "", message: "nodeSelector: no node matches, so nothing is prepulled" }];
  if (records.some(({ eligible }) => eligible)) return [];
  const message = `all ${records.length} nodes are excluded, such as ${first.report.name}: ${first.comment}`;
  return [{ reason: "NO_ELIGIBLE_NODES", tag: "", message }];
}

function differingLimits({ table: { records, rules } }: Pick<SnapshotParts, "table">): readonly Problem[] {
  const nodes = records.filter((record) => exceedsLimit(record, rules));
  const [first] = nodes;
  if (first === undefined) return [];
  const message =
    `kubernetes.nodeStatusMaxImages is ${rules.nodeStatusMaxImages}, and ${nodes.length} of ${records.length} nodes, such ` +
    `as ${first.report.name}, report more images: set it as the kubelets have it, -1 where they have no limit`;
  return [{ reason: "IMAGE_LIMIT_DIFFERS", tag: "", message }];
}
