import { type AnyEventObject, fromCallback } from "xstate";
import type { ListInput, RefreshFault, RefreshPart } from "../../src/machines/refresh.ts";

/** One effect of the refresh cycle, in the test's hands: it tells what the test tells it to tell. */
export interface FakeEffect {
  readonly logic: ReturnType<typeof fromCallback<AnyEventObject, ListInput>>;
  /** How often it was started. */
  readonly starts: number;
  /** Whether one is under way. */
  readonly running: boolean;
  tell(event: RefreshPart | RefreshFault): void;
  /** Makes the next start throw, as a defect would. */
  breakNext(): void;
}

/** An effect that does nothing by itself. */
export function fakeEffect(): FakeEffect {
  let send: ((event: AnyEventObject) => void) | null = null;
  let starts = 0;
  let breaks = false;
  return {
    logic: fromCallback<AnyEventObject, ListInput>(({ sendBack }) => {
      starts += 1;
      if (breaks) {
        breaks = false;
        throw new Error("a defect of the test's making");
      }
      const own = (event: AnyEventObject): void => sendBack(event);
      send = own;
      return () => {
        if (send === own) send = null;
      };
    }),
    get starts() {
      return starts;
    },
    get running() {
      return send !== null;
    },
    tell(event) {
      if (send === null) throw new Error("the effect is not under way");
      send(event);
    },
    breakNext() {
      breaks = true;
    },
  };
}
