import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Contender } from '../../../bench/collect/contender.ts';
import { measureRounds } from '../../../bench/collect/rounds.ts';
import { treeFor } from '../../../bench/collect/trees.ts';
import type { Home } from '../../../bench/tree/home.ts';
import { countsOf, shapeOf } from '../../../bench/tree/shape.ts';
import { temporaryDirectory } from '../../support/program.ts';

const taken = { wall: 2, cpu: 3, peak: 4 };

describe('the rounds', () => {
  const blobs = (root: string): string => join(root, 'docker/registry/v2/blobs/sha256/00');
  /** Sweeps so many of the five blobs, each called `00…`. */
  const sweeps = (id: string, count: number): Contender => ({
    id,
    title: id,
    on: 'copy',
    async run({ root }) {
      for (const name of readdirSync(blobs(root)).slice(0, count))
        rmSync(join(blobs(root), name), { recursive: true });
      return { ...taken, seconds: count, parts: { swept: count } };
    },
  });

  async function measured(contenders: readonly Contender[], rounds: number) {
    using place = temporaryDirectory();
    const order: string[] = [];
    const failed: [string, string][] = [];
    const rows = await measureRounds(
      contenders,
      { rounds, cold: false, dropNames: false },
      {
        async makeReady() {
          const root = join(place.path, 'tree');
          for (let at = 0; at < 5; at++) mkdirSync(join(blobs(root), `00${at}`), { recursive: true });
          const home: Home = { root, configFile: '', counts: { ...countsOf(shapeOf('tiny')), blobs: 5 } };
          return { home, [Symbol.asyncDispose]: async () => rmSync(root, { recursive: true }) };
        },
        signal: new AbortController().signal,
        say: (text) => order.push(text.replace(/.*: /, '')),
        onFailed: (id, error) => failed.push([id, String(error)]),
      },
    );
    return { rows, order, failed };
  }

  it('measure everything once a round, each in another order', async () => {
    const { rows, order, failed } = await measured([sweeps('a', 2), sweeps('b', 2), sweeps('c', 2)], 3);
    expect(order.join('')).toBe('acbcabcba');
    expect(failed).toEqual([]);
    expect(rows.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    expect(rows[0]).toMatchObject({ seconds: [2, 2, 2], wall: [2, 2, 2], parts: { swept: [2, 2, 2] } });
  });

  it('are of those that only read at first, and of the others then', async () => {
    const reads = (id: string, on: 'base' | 'skew'): Contender => ({ ...sweeps(id, 0), on });
    const { order, failed } = await measured(
      [sweeps('a', 2), reads('b', 'base'), { ...sweeps('c', 2), on: 'closed' }, reads('d', 'skew')],
      2,
    );
    expect(order.join('')).toBe('bddbacca');
    expect(failed).toEqual([]);
  });

  it('leave out who fails, and who leaves other blobs than the rest', async () => {
    const fails: Contender = { ...sweeps('fails', 2), run: () => Promise.reject(new Error('no such luck')) };
    const { rows, order, failed } = await measured([sweeps('a', 2), fails, sweeps('greedy', 3)], 2);
    expect(rows.map(({ id }) => id)).toEqual(['a']);
    expect(failed).toEqual([
      ['greedy', 'Error: 2 blobs are left where there should be 3'],
      ['fails', 'Error: no such luck'],
    ]);
    expect(order).toEqual(['a', 'greedy', 'fails', 'a']);
  });

  it('do not go on with a tree that is only read, and from which somebody took something', async () => {
    const { rows, failed } = await measured([{ ...sweeps('find', 1), on: 'base' }], 1);
    expect(rows).toEqual([]);
    expect(failed).toEqual([['find', 'Error: 4 blobs are left where there should be 5']]);
  });
});

it('what is thrown away is built anew each time, and nothing else in the same directory is touched', async () => {
  using place = temporaryDirectory();
  const where = { size: 'tiny', work: place.path } as const;
  for (const name of ['copy', 'closed']) writeFileSync(join(place.path, name), 'not ours');
  const base = await treeFor('base', where);
  const first = await treeFor('copy', where);
  expect(first.counts).toEqual(base.counts);
  for (const { root } of [base, first]) writeFileSync(join(root, 'note'), 'was here');
  await treeFor('copy', where);
  await treeFor('base', where);
  expect(existsSync(join(first.root, 'note'))).toBe(false);
  expect(existsSync(join(base.root, 'note'))).toBe(true);
  for (const name of ['copy', 'closed'])
    expect(readFileSync(join(place.path, name), 'utf8')).toBe('not ours');
}, 60_000);
