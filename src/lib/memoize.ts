/** Runs one piece of work per key at a time, and lets everybody who asks meanwhile share it. */
export interface SingleFlight<T> {
  /**
   * What `work` answers, or what the flight under way for this key answers. A caller's abort rejects that caller with
   * the signal's reason; the flight is aborted only when its last caller has gone.
   */
  run(key: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Flights under way. */
  readonly size: number;
  has(key: string): boolean;
}

interface Flight<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  callers: number;
}

export function createSingleFlight<T>(): SingleFlight<T> {
  const flights = new Map<string, Flight<T>>();

  function takeOff(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController();
    const result = work(controller.signal).finally(() => {
      if (flights.get(key) === flight) flights.delete(key);
    });
    // Callers get the rejection through their own promise; with none left it concerns nobody.
    result.catch(() => undefined);
    const flight: Flight<T> = { result, controller, callers: 0 };
    flights.set(key, flight);
    return flight;
  }

  function leave(key: string, flight: Flight<T>): void {
    flight.callers -= 1;
    if (flight.callers > 0) return;
    // Off the board at once, so that nobody boards a flight that is being called off.
    if (flights.get(key) === flight) flights.delete(key);
    flight.controller.abort();
  }

  return {
    async run(key, signal, work) {
      signal.throwIfAborted();
      const flight = flights.get(key) ?? takeOff(key, work);
      flight.callers += 1;
      const { promise, reject } = Promise.withResolvers<never>();
      const onAbort = () => reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      try {
        return await Promise.race([flight.result, promise]);
      } finally {
        signal.removeEventListener("abort", onAbort);
        leave(key, flight);
      }
    },
    get size() {
      return flights.size;
    },
    has: (key) => flights.has(key),
  };
}
