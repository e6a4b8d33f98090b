/** How long the event loop stood still, in milliseconds. */
export interface Stalls {
  readonly longest: number;
  /** How often it stood still for over 10 ms. */
  readonly over10: number;
}

/** Measures this process's event loop by a timer of one millisecond until the function that it answers is called. */
export function watchLoop(): () => Stalls {
  let longest = 0;
  let over10 = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const late = now - last - 1;
    last = now;
    longest = Math.max(longest, late);
    if (late > 10) over10++;
  }, 1);
  return () => {
    clearInterval(timer);
    return { longest, over10 };
  };
}
