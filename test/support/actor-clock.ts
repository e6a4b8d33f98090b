import type { Clock } from "../../src/ports.ts";

/** The timers of actors on a clock that a test turns by hand. */
export function actorClock(clock: Clock) {
  const timers = new Map<number, () => void>();
  let lastId = 0;
  return {
    setTimeout(callback: (...parameters: never[]) => void, milliseconds: number): number {
      lastId += 1;
      const id = lastId;
      timers.set(
        id,
        clock.schedule(milliseconds, () => {
          timers.delete(id);
          callback();
        }),
      );
      return id;
    },
    clearTimeout(id: number): void {
      timers.get(id)?.();
      timers.delete(id);
    },
  };
}
