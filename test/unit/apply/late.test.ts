import { describe, expect, it } from 'vitest';
import { failLate, findLate, findLateContent, tellLate } from '../../../src/apply/late.ts';
import { readInventory, readReferences } from '../../../src/inventory/read.ts';
import { at, digestOf } from '../../support/layout.ts';
import { hour, type MemoryRegistry, memoryRegistry, now } from '../../support/memory-registry.ts';

const since = now;
const upload = '0e8a5c6e-6c63-4b0c-9a11-5f3f9b1c2d3e';

interface Scene {
  readonly made: MemoryRegistry;
  readonly old: string;
  readonly image: string;
}

/** Two manifests, a tag and an upload, all of them old. */
function scene(): Scene {
  const made = memoryRegistry();
  const old = made.image('app', { layers: ['shared'] });
  const image = made.image('app', { tags: ['v1'], layers: ['shared'] });
  made.upload('app', upload);
  return { made, old, image };
}

type Write = readonly [
  what: string,
  key: (scene: Scene) => string,
  write: (scene: Scene, ms: number) => void,
];

/** What a registry writes, at the time `ms`. */
const writes: readonly Write[] = [
  [
    'a tag that is new',
    () => at.current('app', 'v2'),
    ({ made, image }, ms) => made.storage.put(at.current('app', 'v2'), image, ms),
  ],
  [
    'a tag that names another manifest',
    () => at.current('app', 'v1'),
    ({ made, old }, ms) => made.storage.put(at.current('app', 'v1'), old, ms),
  ],
  [
    'a revision',
    () => at.revision('app', digestOf(Buffer.from('{}'))),
    ({ made }, ms) => made.revision('app', digestOf(Buffer.from('{}')), { age: now - ms }),
  ],
  [
    'a tag in a repository that is new',
    () => at.current('fresh', 'v1'),
    ({ made, image }, ms) => made.storage.put(at.current('fresh', 'v1'), image, ms),
  ],
  [
    'an upload that is new',
    () => `${at.upload('app', 'another')}/`,
    ({ made }, ms) => made.storage.put(`${at.upload('app', 'another')}/startedat`, 'x', ms),
  ],
  [
    'an upload that has grown',
    () => `${at.upload('app', upload)}/`,
    ({ made }, ms) => made.storage.put(`${at.upload('app', upload)}/data`, 'half and more', ms),
  ],
];

/** What is written again as it was. */
const rewrites: readonly Write[] = [
  [
    'a tag',
    () => at.current('app', 'v1'),
    ({ made, image }, ms) => made.storage.put(at.current('app', 'v1'), image, ms),
  ],
  [
    'a revision',
    ({ image }) => at.revision('app', image),
    ({ made, image }, ms) => made.storage.put(at.revision('app', image), image, ms),
  ],
  [
    'an upload',
    () => `${at.upload('app', upload)}/`,
    ({ made }, ms) => made.storage.touch(`${at.upload('app', upload)}/data`, ms),
  ],
];

async function lateAfter(
  made: Scene,
  write: () => void,
  line: { since?: number | undefined; behind: boolean },
): Promise<string[]> {
  const before = await made.made.read();
  write();
  const again = await readReferences(made.made.storage, { known: before });
  const whole = await made.made.read();
  const found = [again, whole].map((look) =>
    findLate(before, look, { since, ...line }).map(({ key }) => key),
  );
  // A look at references alone and one at everything agree.
  expect(found[0]).toEqual(found[1]);
  return found[0] ?? [];
}

describe.each([
  ['compared with a look that was taken while the registry was live', false],
  ['compared with a look behind the fence', true],
])('%s', (_which, behind) => {
  it.each([...writes, ...rewrites])('finds %s, written after the fence', async (_what, key, write) => {
    const made = scene();
    expect(await lateAfter(made, () => write(made, since + 1), { behind })).toEqual([key(made)]);
  });

  it.each(rewrites)(
    'has nothing against %s with another time that is not later',
    async (_what, _key, write) => {
      const made = scene();
      expect(await lateAfter(made, () => write(made, since), { behind })).toEqual([]);
    },
  );

  it('has nothing against what has had a time in the future ever since', async () => {
    const made = scene();
    for (const [, , write] of [...writes, ...rewrites]) write(made, since + 1_000 * hour);
    expect(await lateAfter(made, () => {}, { behind })).toEqual([]);
  });

  it('has nothing against what goes', async () => {
    const made = scene();
    const { storage } = made.made;
    const removals = (): void => {
      storage.drop(at.current('app', 'v1'));
      storage.drop(at.revision('app', made.old));
      storage.drop(at.upload('app', upload));
    };
    expect(await lateAfter(made, removals, { behind })).toEqual([]);
  });

  it('has nothing against the tags beside one that goes', async () => {
    const made = scene();
    for (const tag of ['a', 'b', 'c']) made.made.image('app', { tags: [tag] });
    const remove = (): void => made.made.storage.drop(`${at.repository('app')}/_manifests/tags/a/`);
    expect(await lateAfter(made, remove, { behind })).toEqual([]);
  });

  it('has nothing against an upload whose `startedat` tells a time to come, by another clock', async () => {
    const made = scene();
    made.made.upload('app', 'ahead', { startedAt: '2030-01-01T00:00:00Z' });
    expect(await lateAfter(made, () => {}, { behind })).toEqual([]);
  });
});

it.each(writes)('what was written before the fence is what users do: %s', async (_what, _key, write) => {
  const made = scene();
  expect(await lateAfter(made, () => write(made, since), { behind: false })).toEqual([]);
});

it.each(writes)(
  'behind the fence nobody may write, whatever the time says of it, and who tells it: %s',
  async (_what, key, write) => {
    for (const ms of [since, since - 1_000 * hour]) {
      const made = scene();
      expect(await lateAfter(made, () => write(made, ms), { behind: true })).toEqual([key(made)]);
      const unclocked = scene();
      const changed = (): void => write(unclocked, ms);
      expect(await lateAfter(unclocked, changed, { since: undefined, behind: true })).toEqual([
        key(unclocked),
      ]);
    }
  },
);

it('a link that is just being written is one, too', async () => {
  const made = scene();
  const key = at.current('app', 'v2');
  const write = () => made.made.storage.put(key, '', since);
  expect(await lateAfter(made, write, { behind: true })).toEqual([key]);
});

it('a tag without its link, as our own removals leave it for a moment, is none', async () => {
  const made = scene();
  expect(
    await lateAfter(made, () => made.made.storage.drop(at.current('app', 'v1')), { behind: true }),
  ).toEqual([]);
});

describe('layer links and blobs', () => {
  async function lateContent(made: MemoryRegistry, write: () => void, clock: number | undefined = since) {
    const before = await made.read();
    // As behind the fence: without what the look that was taken while the registry was live did not have.
    const known = await readInventory(made.storage, { known: before });
    write();
    const after = await made.read();
    return findLateContent(known, after, { since: clock, behind: true }).map(({ key }) => key);
  }

  it('are found when they come or are written again after the fence', async () => {
    const { made } = scene();
    const layer = digestOf(Buffer.from('shared'));
    const late = await lateContent(made, () => {
      made.layer('app', 'fresh', { age: -1 });
      made.storage.put(at.layer('app', layer), layer, since + 1);
      made.storage.touch(at.blob(layer), since + 1);
    });
    const fresh = digestOf(Buffer.from('fresh'));
    expect(late.sort()).toEqual(
      [at.layer('app', fresh), at.blob(fresh), at.layer('app', layer), at.blob(layer)].sort(),
    );
  });

  it('are no matter when they came before it, or have had a time to come ever since', async () => {
    const { made } = scene();
    made.layer('app', 'from the future', { age: -hour });
    const late = await lateContent(made, () => {
      made.layer('app', 'fresh', { age: 0 });
      made.layer('fresh', 'fresh', { age: 0 });
    });
    expect(late).toEqual([]);
  });

  it('cannot be judged where nobody can tell the storage’s clock', async () => {
    const { made } = scene();
    const before = await made.read();
    made.layer('app', 'fresh', { age: -hour });
    expect(findLateContent(before, await made.read(), { since: undefined, behind: true })).toEqual([]);
  });
});

describe('who wrote', () => {
  const locate = (key: string): string => `/data/${key}`;

  it('is told with its path and both times, and ends the run with exit 5', async () => {
    const made = scene();
    const before = await made.made.read();
    made.made.storage.put(at.current('app', 'v2'), made.image, since + 1_500);
    const late = findLate(before, await made.made.read(), { since, behind: false });
    expect(() => failLate(late, locate)).toThrow(
      expect.objectContaining({
        code: 'FENCE_FAILED',
        exitCode: 5,
        message: expect.stringContaining(
          `/data/${at.current('app', 'v2')} was written at 2026-01-15T12:00:01.500Z, and every writer was gone at 2026-01-15T12:00:00.000Z`,
        ),
      }),
    );
  });

  it('is told for the first of many, and how many more', () => {
    const late = Array.from({ length: 50 }, (_, n) => ({ key: `link ${n}`, what: 'was written' }));
    const lines = tellLate(late, locate);
    expect(lines).toHaveLength(21);
    expect(lines.at(-1)).toBe('… and 30 more');
  });

  it('can have a time that no calendar knows', async () => {
    const { made, image } = scene();
    const before = await made.read();
    made.storage.put(at.current('app', 'v2'), image, 9e15);
    const [late] = findLate(before, await made.read(), { since, behind: false });
    expect(late?.what).toContain('9000000000000000 ms since 1970');
  });
});

it('takes an upload that has become smaller for one that is being removed', async () => {
  const made = scene();
  made.made.storage.put(`${at.upload('app', upload)}/data`, 'half of it', 0);
  const shrink = (): void => made.made.storage.put(`${at.upload('app', upload)}/data`, 'half', 0);
  expect(await lateAfter(made, shrink, { behind: true })).toEqual([]);
});

it('takes an upload of which a removal that failed has left an empty directory for one that is being removed', async () => {
  const made = scene();
  const { storage } = made.made;
  const hashes = `${at.upload('app', upload)}/hashstates/sha256/`;
  storage.put(`${hashes}0`, 'state', 0);
  const cutOff = (): void => {
    for (const name of ['data', 'startedat', 'hashstates/sha256/0'])
      storage.drop(`${at.upload('app', upload)}/${name}`);
    storage.mkdir(hashes, since + 1);
  };
  expect(await lateAfter(made, cutOff, { behind: true })).toEqual([]);
});
