import type { CatalogEntry } from "../images/catalog.ts";
import { withheldReason } from "../images/withheld.ts";
import { exceedsLimit } from "../nodes/node-record.ts";
import type { PodRefusal } from "../prepull/pod-refusal.ts";
import { ruleWords } from "../sets/rule-words.ts";
import type { AppliedRule } from "../sets/set-images.ts";
import type { ImageSettings } from "../settings.ts";
import type { Snapshot } from "./snapshot.ts";

/** What the configuration asks for and cannot be had. The names are those of the contract. */
export type ProblemReason =
  | "RECOMMENDED_TAG_MISSING"
  | "PINNED_TAG_MISSING"
  | "RULE_UNMET"
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
export function problemsOf(snapshot: Pick<Snapshot, "settings" | "catalogs" | "wanted" | "table">): readonly Problem[] {
  return [...unmetRules(snapshot), ...withheldTags(snapshot), ...missingNodes(snapshot), ...differingLimits(snapshot)];
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

/** What rules name or count and do not find; each tag that `images:` asks for once. */
function unmetRules({ settings: { images }, wanted }: Pick<Snapshot, "settings" | "wanted">): readonly Problem[] {
  const problems = new Map<string, Problem>();
  for (const { set, rules } of wanted.sets) {
    for (const applied of rules) {
      const own = images !== null && set.order === "display" ? missingTags(images, applied) : unmetRule(applied);
      for (const problem of own) if (!problems.has(problem.tag)) problems.set(problem.tag, problem);
    }
  }
  return [...problems.values()];
}

function missingTags({ cycle }: ImageSettings, { rule, missing }: AppliedRule<CatalogEntry>): readonly Problem[] {
  const ofCycle = cycle === null ? "" : ` of cycle ${cycle}`;
  return missing.map((tag) =>
    rule.kind === "alias"
      ? {
          reason: "RECOMMENDED_TAG_MISSING",
          tag,
          message: `images.recommendedTag: the registry has no tag ${tag}${ofCycle}, so the menu has no recommended image`,
        }
      : { reason: "PINNED_TAG_MISSING", tag, message: `images.pin: the registry has no tag ${tag}${ofCycle}` },
  );
}

function unmetRule({ set, index, rule, shortfall }: AppliedRule<CatalogEntry>): readonly Problem[] {
  if (shortfall === null) return [];
  // Alerts are distinguished by reason and tag: this names the rule.
  const tag = `${set.name}[${index}]`;
  return [{ reason: "RULE_UNMET", tag, message: `set ${set.name}, ${ruleWords(rule)}: ${shortfall}` }];
}

/** One for all of them: a registry may withhold hundreds for one reason. */
function withheldTags({ catalogs }: Pick<Snapshot, "catalogs">): readonly Problem[] {
  const withheld = catalogs.flatMap((catalog) => catalog.withheld);
  return withheld.length === 0 ? [] : [{ reason: "TAGS_WITHHELD", tag: "", message: withheldReason(withheld) }];
}

function missingNodes({ table: { records } }: Pick<Snapshot, "table">): readonly Problem[] {
  const [first] = records;
  if (first === undefined)
    return [{ reason: "NO_NODES", tag: "", message: "nodeSelector: no node matches, so nothing is prepulled" }];
  if (records.some(({ eligible }) => eligible)) return [];
  const message = `all ${records.length} nodes are excluded, such as ${first.report.name}: ${first.comment}`;
  return [{ reason: "NO_ELIGIBLE_NODES", tag: "", message }];
}

function differingLimits({ table: { records, rules } }: Pick<Snapshot, "table">): readonly Problem[] {
  const nodes = records.filter((record) => exceedsLimit(record, rules));
  const [first] = nodes;
  if (first === undefined) return [];
  const message =
    `kubernetes.nodeStatusMaxImages is ${rules.nodeStatusMaxImages}, and ${nodes.length} of ${records.length} nodes, such ` +
    `as ${first.report.name}, report more images: set it as the kubelets have it, -1 where they have no limit`;
  return [{ reason: "IMAGE_LIMIT_DIFFERS", tag: "", message }];
}
