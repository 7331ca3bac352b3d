import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/*
 * The house (DESIGN, "The house"): imports point down only. A folder may import folders of lower levels, itself, and
 * the files at the bottom. Where two share a level, they do not know each other.
 */
const src = resolve(import.meta.dirname, '../../src');

const levels: readonly (readonly string[])[] = [
  [
    'errors.ts',
    'deed.ts',
    'clocks.ts',
    'thread.ts',
    'frugal.ts',
    'heap.ts',
    'plain-data.ts',
    'mask.ts',
    'format.ts',
    'exec.ts',
    'screen.ts',
    'own-container.ts',
    'pause.ts',
    'engine',
  ],
  ['config', 'registry', 'storage', 'docker.ts'],
  ['runtime'],
  ['inventory'],
  ['plan'],
  ['pipeline'],
  ['apply', 'noise'],
  ['report', 'view'],
  ['commands', 'index.ts'],
  ['cli.ts'],
];

/** What points nowhere although the levels would allow it. */
const strangers: readonly (readonly [string, string])[] = [
  ['inventory', 'runtime'],
  ['plan', 'storage'],
  ['plan', 'runtime'],
  ['pipeline', 'plan'],
  ['pipeline', 'inventory'],
  ['pipeline', 'runtime'],
  ['pipeline', 'registry'],
  ['view', 'plan'],
  ['view', 'inventory'],
];

/** Packages that one place alone may touch. */
const singleHomes: Readonly<Record<string, string>> = {
  execa: 'exec.ts',
  '@redis/client': 'registry/redis-cache.ts',
  dockerode: 'docker.ts',
  'tar-stream': 'docker.ts',
};

interface Import {
  readonly from: string;
  readonly to: string;
}

function files(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(directory, entry.name)) : [join(directory, entry.name)],
  );
}

const sources = files(src).filter((file) => file.endsWith('.ts'));

const imports: readonly Import[] = sources.flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*'([^']+)'|^import '([^']+)'/gm)].map(
    (match) => {
      const specifier = match[1] ?? match[2] ?? '';
      const to = specifier.startsWith('.') ? relative(src, resolve(dirname(file), specifier)) : specifier;
      return { from: relative(src, file), to };
    },
  ),
);

/** The folder below src, or the file itself when it lies there directly. */
function room(path: string): string {
  return path.split('/')[0] ?? path;
}

function levelOf(path: string): number {
  return levels.findIndex((level) => level.includes(room(path)));
}

const internal = imports.filter(({ to }) => to.endsWith('.ts'));

describe('the house', () => {
  it('has a level for every folder and file of src', () => {
    expect(sources.map((file) => room(relative(src, file))).filter((name) => levelOf(name) === -1)).toEqual(
      [],
    );
  });

  it('sees the imports that it judges', () => {
    expect(internal.length).toBeGreaterThan(100);
  });

  it('imports downwards only', () => {
    const upwards = internal.filter(
      ({ from, to }) =>
        room(from) !== room(to) &&
        levelOf(to) >= levelOf(from) &&
        !(levelOf(from) === 0 && levelOf(to) === 0),
    );
    expect(upwards).toEqual([]);
  });

  it('keeps strangers apart', () => {
    const met = internal.filter(({ from, to }) =>
      strangers.some(([one, other]) => room(from) === one && room(to) === other),
    );
    expect(met).toEqual([]);
  });

  it('imports adapters from their open.ts alone, and lazily', () => {
    const adapters = new Set([
      'storage/filesystem.ts',
      'storage/memory.ts',
      'storage/state.ts',
      'runtime/process.ts',
    ]);
    const users = internal.filter(({ from, to }) => adapters.has(to) && from !== `${dirname(to)}/open.ts`);
    expect(users).toEqual([]);
    for (const folder of ['storage', 'runtime']) {
      const text = readFileSync(join(src, folder, 'open.ts'), 'utf8');
      expect(text.match(/^import (?!type ).*(?:filesystem|memory|process)\.ts'/m)).toBeNull();
    }
  });

  it('touches each outside program library in one file', () => {
    const elsewhere = imports.filter(({ from, to }) => to in singleHomes && from !== singleHomes[to]);
    expect(elsewhere).toEqual([]);
  });

  it('has no clock and no I/O in plan', () => {
    const plan = imports.filter(({ from }) => room(from) === 'plan');
    expect(plan.map(({ to }) => to).filter((to) => to.startsWith('node:') && to !== 'node:crypto')).toEqual(
      [],
    );
    const clocks = sources.filter(
      (file) =>
        relative(src, file).startsWith('plan/') &&
        /Date\.now|new Date\(\)|performance\./.test(readFileSync(file, 'utf8')),
    );
    expect(clocks).toEqual([]);
  });

  it('sets the exit code in cli.ts alone', () => {
    const setters = sources
      .filter((file) => /process\.exit(?:Code)?\b/.test(readFileSync(file, 'utf8')))
      .map((file) => relative(src, file));
    expect(setters).toEqual(['cli.ts']);
  });
});
