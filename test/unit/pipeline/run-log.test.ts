import { appendFileSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { problem } from '../../../src/errors.ts';
import { forgetOldRuns, logOf } from '../../../src/pipeline/records.ts';
import { type LoggedItem, openRunLog, type RunLogOptions } from '../../../src/pipeline/run-log.ts';
import { readRunLog } from '../../../src/pipeline/run-log-read.ts';
import { filesystemState } from '../../../src/storage/state.ts';
import type { State } from '../../../src/storage/storage.ts';
import { temporaryDirectory } from '../../support/program.ts';

const run = '20260115T120000-0badcafe';
const begin = { version: '1.2.3', registry: null, settings: { 'untagged.keepWithin': '1h' } };

let directory: ReturnType<typeof temporaryDirectory>;
let state: State;
beforeEach(() => {
  directory = temporaryDirectory();
  state = filesystemState(directory.path);
});
afterEach(() => directory[Symbol.dispose]());

function open(options: Partial<RunLogOptions> = {}) {
  const onMissed = (error: Error) => {
    throw error;
  };
  return openRunLog({ state, run, begin, onMissed, ...options });
}

const file = (id = run) => join(directory.path, 'runs', `${id}.ndjson`);
const read = (id = run) => readRunLog(readFileSync(file(id), 'utf8'));

function blobs(count: number, from = 0): LoggedItem[] {
  return Array.from({ length: count }, (_, number) => ({
    kind: 'blob',
    name: `sha256:${(from + number).toString(16).padStart(64, '0')}`,
    because: 'no manifest that stays names it',
  }));
}

describe('a run log', () => {
  it('has on disk what goes before it says so', async () => {
    const log = await open();
    const items = blobs(3);
    await log.going('collect', items);
    const logged = read();
    expect(logged.begin).toMatchObject({ ...begin, owner: { run, pid: process.pid } });
    expect(logged.batches).toEqual([{ step: 'collect', items, unnamed: {}, end: undefined }]);
    expect(logged).toMatchObject({ released: false, forgotten: false, missed: 0, end: undefined });
  });

  it('tells how a batch ended with the line after it', async () => {
    const log = await open();
    const items: LoggedItem[] = ['one', 'two'].map((repository) => ({
      kind: 'tag',
      repository,
      name: 'v1',
      because: 'test',
    }));
    const batch = await log.going('apply', items);
    log.ended(batch, { failed: [['one v1', 'EIO']], absent: ['two v1'], open: [] });
    expect(read().batches[0]?.end).toBeUndefined();
    await log.released();
    expect(read().batches[0]?.end).toMatchObject({ failed: [['one v1', 'EIO']], absent: ['two v1'] });
    expect(read().released).toBe(true);
  });

  it('survives a line that was cut off, wherever', async () => {
    const log = await open();
    await log.going('apply', blobs(2));
    const whole = readFileSync(file(), 'utf8');
    await log.going('apply', blobs(2, 2));
    const both = readFileSync(file(), 'utf8');
    for (let length = whole.length; length < both.length - 1; length += 7) {
      expect(readRunLog(both.slice(0, length)).batches).toHaveLength(1);
    }
    appendFileSync(file(), '{"type":"going","st');
    await log.released();
    expect(read()).toMatchObject({ released: true });
    expect(read().batches).toHaveLength(2);
  });

  it('names items as long as there is room for names, and counts the others', async () => {
    const log = await open({ namesAtMost: 1_000 });
    await log.going('apply', blobs(4));
    const batch = await log.going('collect', [
      ...blobs(9_000, 4),
      { kind: 'upload', name: 'x'.repeat(999), because: '' },
    ]);
    await log.collected({ batch, blobs: 9_000, spared: [], besides: [] });
    const [first, second] = read().batches;
    expect(first).toMatchObject({ items: blobs(4), unnamed: {} });
    const named = second?.items.length ?? 0;
    expect(named).toBeGreaterThan(4);
    expect(second).toMatchObject({ items: blobs(named, 4), unnamed: { blob: 9_000 - named, upload: 1 } });
    expect(second?.end).toBeDefined();
  });

  it('takes no more than 10 MB for 100,000 digests, and never more than 33 MiB', async () => {
    const log = await open();
    function* many(count: number): Generator<LoggedItem> {
      for (let from = 0; from < count; from += 10_000) yield* blobs(10_000, from);
    }
    await log.going('apply', many(100_000));
    expect(statSync(file()).size).toBeLessThan(10_000_000);
    expect(read().batches[0]?.items).toHaveLength(100_000);
    await log.going('collect', many(400_000));
    expect(statSync(file()).size).toBeLessThan(33 * 1024 * 1024);
    const [, batch] = read().batches;
    expect((batch?.items.length ?? 0) + (batch?.unnamed.blob ?? 0)).toBe(400_000);
  });

  it('has no more room where each name is in a repository of its own', async () => {
    const log = await open({ namesAtMost: 1_000_000 });
    const items = blobs(10_000).map((item, number) => ({
      ...item,
      repository: `${number}`.padEnd(200, 'x'),
    }));
    await log.going('apply', items);
    expect(statSync(file()).size).toBeLessThan(1_500_000);
    const [batch] = read().batches;
    expect((batch?.items.length ?? 0) + (batch?.unnamed.blob ?? 0)).toBe(10_000);
  });

  it('goes on without a word too many where the disk is full, and tells later what it does not know', async () => {
    let full = false;
    const told: string[] = [];
    const failing: State = {
      ...state,
      append: async (key, line) => {
        if (!full) return state.append(key, line);
        appendFileSync(join(directory.path, key), line.slice(0, 20));
        throw problem('STORAGE_FAILED', { deed: 'append to', path: key, reason: 'ENOSPC' });
      },
    };
    const log = await open({ state: failing, onMissed: ({ message }) => told.push(message) });
    full = true;
    const batch = await log.going('apply', blobs(5_000));
    log.ended(batch, { failed: [['what', 'why']], absent: [], open: [] });
    await log.going('apply', blobs(1, 5_000));
    expect(told).toEqual([expect.stringContaining('ENOSPC')]);
    full = false;
    await log.going('apply', blobs(2, 6_000));
    const logged = read();
    expect(logged.missed).toBe(5_001);
    expect(logged.batches).toMatchObject([{ items: blobs(2, 6_000) }]);
  });

  it('throws a bug, which is no full disk', async () => {
    const broken: State = {
      ...state,
      append: async () => {
        throw new TypeError('a bug');
      },
    };
    await expect(open({ state: broken })).rejects.toThrow(TypeError);
  });
});

describe('logs that have grown too long', () => {
  const ids = ['20260101T000000-aaaaaaaa', '20260102T000000-aaaaaaaa', '20260103T000000-aaaaaaaa'];

  it('lose their items, the oldest first, and say so; counts and ends stay', async () => {
    for (const id of ids) {
      const log = await open({ run: id });
      const batch = await log.going('apply', blobs(1_000));
      log.ended(batch, { failed: [[' x', 'EIO']], absent: [], open: [] });
      await log.released();
    }
    const size = statSync(file(ids[0])).size;
    // Room for one of them beside the one that begins, which has half of it for itself.
    await forgetOldRuns(state, run, 1.5 * size * 2);
    const [oldest, middle, newest] = ids.map((id) => read(id));
    expect(newest?.batches[0]?.items).toHaveLength(1_000);
    expect(newest?.forgotten).toBe(false);
    for (const old of [oldest, middle]) {
      expect(old).toMatchObject({ forgotten: true, released: true, begin: { version: '1.2.3' } });
      expect(old?.batches).toMatchObject([{ items: [], unnamed: { blob: 1_000 }, end: { failed: [] } }]);
      expect(old?.begin?.owner?.pid).toBe(process.pid);
    }
    expect(statSync(file(ids[0])).size).toBeLessThan(2_000);
  });

  it('are left as they are while there is room', async () => {
    for (const id of ids) await (await open({ run: id })).going('apply', blobs(10));
    const before = ids.map((id) => readFileSync(file(id), 'utf8'));
    await forgetOldRuns(state, run);
    expect(ids.map((id) => readFileSync(file(id), 'utf8'))).toEqual(before);
  });
});

describe('whatever is in a log', () => {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);

  it(`can be read, and tells of all items that were written (seed ${seed})`, async () => {
    const item = fc.record(
      {
        kind: fc.constantFrom('tag', 'tag-history', 'revision', 'layer-link', 'blob', 'upload'),
        repository: fc.string({ unit: 'binary' }),
        name: fc.string({ unit: 'binary' }),
        because: fc.string({ unit: 'binary' }),
      },
      { requiredKeys: ['kind', 'name', 'because'] },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(item, { minLength: 1, maxLength: 30 }), async (items) => {
        await state.remove(logOf(run));
        const log = await open();
        await log.going('apply', items);
        const sorted = (all: readonly LoggedItem[]) => all.map((one) => JSON.stringify(one, keys)).sort();
        expect(sorted(read().batches[0]?.items ?? [])).toEqual(sorted(items));
      }),
      { seed, numRuns: 10 },
    );
  });

  it(`is read without an error, whoever wrote it (seed ${seed})`, () => {
    const line = fc.oneof(
      fc.json(),
      fc.string({ unit: 'binary' }),
      fc
        .record({
          type: fc.constantFrom('begin', 'going', 'collected', 'released', 'end', 'recovered', 'forgotten'),
          at: fc.oneof(fc.string(), fc.jsonValue()),
          batch: fc.oneof(fc.nat(), fc.jsonValue()),
          because: fc.oneof(fc.array(fc.string()), fc.jsonValue()),
          groups: fc.jsonValue(),
          unnamed: fc.dictionary(fc.constantFrom('constructor', '__proto__', 'blob'), fc.jsonValue()),
          done: fc.jsonValue(),
        })
        .map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const { batches } = readRunLog(lines.join('\n'));
        for (const { unnamed } of batches)
          for (const count of Object.values(unnamed)) expect(count).toBeTypeOf('number');
      }),
      { seed, numRuns: 500 },
    );
  });
});

const keys = ['kind', 'repository', 'name', 'because'];
