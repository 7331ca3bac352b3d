import type { Oddity } from './inventory.ts';

/** The first of `key` and the directories above it, nearest first, that `is` accepts: for symbolic links and the like. */
export function onTheWay(key: string, is: (key: string) => boolean): string | undefined {
  for (let end = key.length; end > 0; end = key.lastIndexOf('/', end - 1)) {
    const place = key.slice(0, end);
    if (is(place)) return place;
  }
  return undefined;
}

/** The symbolic links among oddities, to which more may be added at any time. */
export class Symlinks {
  readonly #oddities: readonly Oddity[];
  readonly #keys = new Set<string>();
  #seen = 0;

  constructor(oddities: readonly Oddity[]) {
    this.#oddities = oddities;
  }

  /** Whether one of them is at `key`, or on the way there. */
  isOnTheWay(key: string): boolean {
    for (; this.#seen < this.#oddities.length; this.#seen++) {
      const oddity = this.#oddities[this.#seen];
      if (oddity?.kind === 'symlink') this.#keys.add(oddity.key);
    }
    return this.#keys.size > 0 && onTheWay(key, (place) => this.#keys.has(place)) !== undefined;
  }
}
