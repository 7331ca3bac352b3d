import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Binary } from '../../test/support/binary.ts';
import type { Home } from '../tree/home.ts';
import type { Contender, Taken, Workshop } from './contender.ts';
import { measure, type Surroundings } from './measure.ts';

/** What there is without this program: `find`, the registries' own collectors, and the floor. */
export function theirs(shop: Workshop): Contender[] {
  const { binaries, keys } = shop;
  const find: Contender = {
    id: 'find',
    title: 'find -type f',
    on: 'base',
    run: ({ root }) => measure({ argv: ['find', root, '-type', 'f'] }, shop),
  };
  const collectors = binaries.flatMap((binary): Contender[] => {
    const collect = (home: Home, ...flags: string[]) =>
      measure({ argv: [binary.path, 'garbage-collect', '-m', ...flags, home.configFile], env }, shop);
    const name = idOf(binary);
    return [
      {
        id: `gc-dry-${name}`,
        title: `garbage-collect -m --dry-run, ${binary.version}`,
        on: 'base',
        run: (home) => collect(home, '--dry-run'),
      },
      {
        id: `gc-${name}`,
        title: `garbage-collect -m, ${binary.version}`,
        on: 'copy',
        run: (home) => collect(home),
      },
    ];
  });
  const floor = (id: string, title: string, kinds: readonly string[]): Contender => ({
    id,
    title,
    on: 'copy',
    run: ({ root }) =>
      unlink(
        root,
        kinds.map((kind) => join(keys(), kind)),
        shop,
      ),
  });
  return [
    find,
    ...collectors,
    floor('floor-blobs', 'two threads unlink and rmdir the blobs', ['blob']),
    floor('floor-all', 'two threads unlink and rmdir the blobs and all links that go', [
      'tag-history',
      'revision',
      'layer-link',
      'blob',
    ]),
  ];
}

/** Takes what the files name away, without a question. */
async function unlink(root: string, lists: readonly string[], around: Surroundings): Promise<Taken> {
  const output = join(around.scratch, 'floor.json');
  const argv = [process.execPath, fileURLToPath(new URL('./floor.ts', import.meta.url)), root, ...lists];
  const measured = await measure({ argv }, around, output);
  const { seconds } = JSON.parse(readFileSync(output, 'utf8')) as { readonly seconds: number };
  return { ...measured, seconds };
}

/** 2.8.2+ds1 → 2.8.2 */
export function idOf({ version }: Binary): string {
  return version.replace(/[^0-9.].*$/, '');
}

const env = { OTEL_TRACES_EXPORTER: 'none' };
