import {
  type LeftoverPull,
  PullCancelledError,
  type PullFailure,
  type PullOrder,
  type PullOutcome,
  type RecoveredPull,
} from "../../src/domain/prepull/pull.ts";
import type { PullControl, Puller } from "../../src/ports.ts";
import { machineTime } from "../../src/simulation/kubernetes/kubernetes-time.ts";

/** A puller that gives a pull up, and removes its pod, when its time is over. */
export interface PlainPuller extends Pick<Puller, "tryPod"> {
  pull(order: PullOrder, signal: AbortSignal, changes?: Partial<PullControl>): Promise<PullOutcome>;
  /** The pulls that have come to a good end. */
  recover(...given: Parameters<Puller["recover"]>): Promise<readonly RecoveredPull[]>;
  /** Those that may still be in progress. */
  leftovers(...given: Parameters<Puller["recover"]>): Promise<readonly LeftoverPull[]>;
}

/** See PlainPuller. */
export function plainPuller(puller: Puller): PlainPuller {
  return {
    tryPod: (order, signal) => puller.tryPod(order, signal),
    recover: async (...given) => (await puller.recover(...given)).ended,
    leftovers: async (...given) => (await puller.recover(...given)).inProgress,
    async pull(order, signal, changes = {}) {
      const giveUp = new AbortController();
      const overdue = new AbortController();
      const cancel = machineTime.schedule(order.timeout, () => overdue.abort());
      const stalled: PullFailure[] = [];
      const control: PullControl = {
        signal: AbortSignal.any([signal, giveUp.signal]),
        withdrawn: new AbortController().signal,
        overdue: overdue.signal,
        onAccepted: () => undefined,
        onStalled(failure) {
          stalled.push(failure);
          giveUp.abort(new PullCancelledError());
        },
        ...changes,
      };
      try {
        return await puller.pull(order, control);
      } catch (error) {
        const [failure] = stalled;
        if (failure === undefined || signal.aborted) throw error;
        return { kind: "failed", ...failure };
      } finally {
        cancel();
      }
    },
  };
}
