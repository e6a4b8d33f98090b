import {
  isSameReason,
  leastRefused,
  type RefusedPod,
  refusalAfter,
  refusalAfterAcceptance,
  refusalTrying,
  turnsUnder,
} from "../../domain/prepull/pod-refusal.ts";
import type { PullCandidate, PullKey, PullStart } from "../../domain/prepull/policy.ts";
import { isOnlyImage, type PrepullWork } from "../../domain/prepull/prepull-work.ts";
import type { PrepullState } from "./prepull-state.ts";
import { emit, type Step } from "./prepull-step.ts";

/** Gives the first due image of each free node, of those images that are asked for. */
export type CandidatesOf = (isMeant: (digest: string) => boolean) => Iterable<PullCandidate>;

/** The API server has refused a pod, or failed, in a way that does not depend on the node: one is tried later. */
export function noteRefusal(step: Step, work: PrepullWork, pod: Omit<RefusedPod, "isOnly">): void {
  const { refusal, settings, pulls } = step.state;
  if (settings.mode === "outside") return;
  const timing = { backoff: settings.backoff, random: step.random(), now: step.now.monotonic };
  const next = refusalAfter(refusal, { ...pod, isOnly: isOnlyImage(work, pod.digest) }, timing);
  // While a pull of ours is in progress its pod was accepted, or may be yet.
  const isReported = next.isWide && next.failures > 0 && pulls.size === 0;
  const isNews = isReported && (next.reported === null || !isSameReason(next.reported, pod.failure));
  step.state = { ...step.state, refusal: isNews ? { ...next, reported: pod.failure } : next };
  if (isNews) emit(step, { type: "pods.refused", failure: pod.failure });
}

/** The API server has accepted a pod. */
export function noteAcceptance(step: Step, pod: PullKey): void {
  const { refusal, policy } = step.state;
  if (refusal === null) return;
  step.state = { ...step.state, refusal: refusalAfterAcceptance(refusal, pod, policy.limit(step.now.monotonic)) };
  if (refusal.reported !== null) emit(step, { type: "pods.accepted" });
}

/** No pod is tried while there is no work: whether one would be refused is no longer observed. */
export function dropRefusal(step: Step): void {
  if (step.state.refusal === null) return;
  step.state = { ...step.state, refusal: null };
  emit(step, { type: "refusal.dropped" });
}

/** The pulls that may start while the API server refuses pods: few at a time, see `PodRefusal`. */
export function trialsUnder(state: PrepullState, candidatesOf: CandidatesOf, now: number): readonly PullStart[] {
  const { policy, refusal } = state;
  if (refusal === null) return [];
  const turns = turnsUnder(refusal, policy.limit(now) - policy.slotsInUse, busyNodes(state), now);
  if (turns <= 0) return [];
  const { digests, isWide, last, until } = refusal;
  const isHeld = (digest: string) => digests.has(digest);
  const tryHeld = () => policy.next(candidatesOf(isHeld), 1, now);
  if (isWide) {
    const least = leastRefused(refusal, dueDigests(candidatesOf, digests));
    return policy.next(
      candidatesOf((digest) => least.has(digest)),
      1,
      now,
    );
  }
  const isDue = digests.size > 0 && now >= until;
  // Once others are accepted, one that was refused is not kept waiting by them.
  const trial = isDue && last === null ? tryHeld() : [];
  const tried = trial[0]?.candidate.uid;
  const others = [...candidatesOf((digest) => !isHeld(digest))].filter(({ uid }) => uid !== tried);
  const chosen = policy.next(others, turns - trial.length, now);
  return isDue && last !== null && chosen.length === 0 ? tryHeld() : [...trial, ...chosen];
}

/** The state after these pulls were chosen. */
export function withTrials(state: PrepullState, starts: readonly PullStart[], now: number): PrepullState {
  const { refusal } = state;
  if (refusal === null) return state;
  const tried = starts.map(({ candidate }) => candidate);
  return { ...state, refusal: refusalTrying(refusal, tried, busyNodes(state), now) };
}

/** Of those that were refused, and one that was not, where there is one. */
function dueDigests(candidatesOf: CandidatesOf, refused: ReadonlySet<string>): ReadonlySet<string> {
  const due = new Set<string>();
  for (const { digest } of candidatesOf((one) => !refused.has(one))) due.add(digest);
  if (due.size > 0) return due;
  for (const digest of refused) for (const _ of candidatesOf((one) => one === digest)) due.add(digest);
  return due;
}

function busyNodes({ pulls }: PrepullState): ReadonlySet<string> {
  return new Set([...pulls.values()].map(({ uid }) => uid));
}
