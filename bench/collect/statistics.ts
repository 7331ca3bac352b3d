/** The middle one, or the mean of the two in the middle; NaN without any. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * An order for each round, so that each of them follows every other equally often (in as many rounds as there are, or in
 * twice as many where that is an odd number): what one leaves behind, a kernel that tidies up say, slows down the next.
 * E. J. Williams, Experimental designs balanced for the estimation of residual effects of treatments, 1949.
 */
export function balanced<T>(all: readonly T[], round: number): T[] {
  const count = all.length;
  // First, last, second, last but one, ...
  const zigzag = all.map((_, i) => (i % 2 === 0 ? i / 2 : count - (i + 1) / 2));
  const order = zigzag.flatMap((place) => all.slice((place + round) % count).slice(0, 1));
  return count % 2 === 1 && round % 2 === 1 ? order.toReversed() : order;
}
