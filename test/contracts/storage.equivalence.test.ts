import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Entry } from '../../src/storage/storage.ts';
import { filesystemBench, memoryBench } from '../support/storage-bench.ts';
import { type Bench, entriesOf } from './storage.contract.ts';

type Deed =
  | { readonly lay: 'put'; readonly key: string; readonly content: string }
  | { readonly lay: 'mkdir' | 'symlink' | 'other'; readonly key: string };

// Few names, so that keys meet: as parents, twice, behind symlinks, below files.
const name = fc.constantFrom('a', 'b', '_layers', 'tags', 'sha256', 'line\nbreak', '\\');
const key = fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => names.join('/'));
const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ lay: fc.constant('put' as const), key, content: fc.string({ maxLength: 20 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ lay: fc.constant('mkdir' as const), key: key.map((path) => `${path}/`) }),
  },
  { weight: 1, arbitrary: fc.record({ lay: fc.constantFrom('symlink' as const, 'other' as const), key }) },
);
const asked = fc.oneof(
  key,
  key.map((path) => `${path}/`),
  fc.constantFrom('', '/', '../a', 'a/../b', 'a\0', '.'),
);
const scenario = fc.record({
  deeds: fc.array(deed, { maxLength: 12 }),
  removals: fc.array(fc.array(asked, { maxLength: 8 }), { maxLength: 3 }),
  questions: fc.array(asked, { maxLength: 6 }),
  skipped: name,
});

/** Lays what can be laid; what lies in the way of a deed, or a symlink on it, voids it on both sides alike. */
function lay(bench: Bench, deeds: readonly Deed[]): void {
  const taken = new Map<string, 'directory' | 'leaf'>();
  for (const one of deeds) {
    const path = one.key.replace(/\/$/, '');
    const parents = path
      .split('/')
      .slice(0, -1)
      .map((_, depth, names) => names.slice(0, depth + 1).join('/'));
    if (parents.some((parent) => taken.get(parent) === 'leaf') || taken.has(path)) continue;
    for (const parent of parents) taken.set(parent, 'directory');
    taken.set(path, one.lay === 'mkdir' ? 'directory' : 'leaf');
    if (one.lay === 'put') bench.put(one.key, one.content);
    else if (one.lay === 'symlink') bench.symlink(one.key, '.');
    else bench[one.lay](one.key);
  }
}

/** What came of `work`: its value, or the code that it threw. */
async function outcome<T>(work: () => Promise<T>): Promise<T | string> {
  try {
    return await work();
  } catch (error) {
    return String((error as { code?: unknown }).code ?? error);
  }
}

function withoutTime({ key, type, size }: Entry): Omit<Entry, 'modified'> {
  return { key, type, size };
}

describe('filesystem and memory', () => {
  it('list, tell, read and remove alike in random trees', async () => {
    const property = fc.asyncProperty(scenario, async ({ deeds, removals, questions, skipped }) => {
      const benches = [filesystemBench(), memoryBench()] as const;
      try {
        for (const bench of benches) lay(bench, deeds);
        const both = async <T>(
          ask: (bench: Bench<(typeof benches)[0]['storage']>) => Promise<T>,
        ): Promise<void> => {
          const [one, other] = [await outcome(() => ask(benches[0])), await outcome(() => ask(benches[1]))];
          expect(other).toEqual(one);
        };
        for (const prefix of ['', ...questions]) {
          await both(async ({ storage }) => (await entriesOf(storage, prefix)).map(withoutTime));
          await both(async ({ storage }) =>
            (await entriesOf(storage, prefix, (directory) => directory.endsWith(`${skipped}/`))).map(
              withoutTime,
            ),
          );
        }
        for (const question of questions) {
          await both(async ({ storage }) => Buffer.from((await storage.read(question)) ?? [0]).toString());
          await both(async ({ storage }) => Buffer.from((await storage.read(question, 3)) ?? [0]).toString());
          await both(async ({ storage }) => {
            const entry = await storage.stat(question);
            return entry === undefined ? 'absent' : withoutTime(entry);
          });
        }
        for (const keys of removals) {
          await both(async ({ storage }) =>
            (await storage.remove(keys)).map(({ key: told, outcome: was }) => ({ told, was })),
          );
          await both(async (bench) => bench.left());
        }
      } finally {
        for (const bench of benches) await bench.dispose();
      }
    });
    // A failure is reported with the seed and path that repeat it.
    await fc.assert(property, { numRuns: 150 });
  });
});
