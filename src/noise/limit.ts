/** Runs jobs, at most `count` at a time, in the order in which they came. */
export function limit(count: number): <T>(job: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = count;

  return async (job) => {
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else free--;
    try {
      return await job();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next(); // The place is handed on, so that nobody who comes now takes it first.
    }
  };
}
