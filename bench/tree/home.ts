import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildTree } from './build.ts';
import { countsOf, type ShapeOptions, type SizeName, shapeOf, type TreeCounts } from './shape.ts';

/** A tree on disk, with what registries and this program need to find it. */
export interface Home {
  /** The driver's root. */
  readonly root: string;
  /** The registry's configuration. */
  readonly configFile: string;
  readonly counts: TreeCounts;
}

export interface HomeOptions extends Required<ShapeOptions> {
  readonly size: SizeName;
}

/**
 * Builds a tree in `directory`: data (the driver's root), config.yml for the registry, cleanup.json for this program,
 * and at last tree.json with what was asked for and what is there. A directory where all of that is there is taken as
 * it is; throws where it is something else.
 */
export async function homeIn(directory: string, options: HomeOptions): Promise<Home> {
  const root = join(directory, 'data');
  const configFile = join(directory, 'config.yml');
  const shape = shapeOf(options.size, options);
  const counts = countsOf(shape);
  const mark = join(directory, 'tree.json');
  const { size, garbage, skew, seed } = options;
  const said = `${JSON.stringify({ size, garbage, skew, seed, counts }, null, 2)}\n`;
  if (existsSync(mark)) {
    if (readFileSync(mark, 'utf8') === said) return { root, configFile, counts };
    throw new Error(`${directory} holds another tree: see tree.json there`);
  }
  if (existsSync(root)) throw new Error(`${directory} holds something that was not finished: remove it`);
  mkdirSync(directory, { recursive: true });
  writeFileSync(configFile, registryConfiguration(root));
  const registry = { runtime: 'process', config: configFile, live: 'stopped' };
  writeFileSync(join(directory, 'cleanup.json'), `${JSON.stringify({ registry }, null, 2)}\n`);
  await buildTree(root, shape);
  writeFileSync(mark, said);
  return { root, configFile, counts };
}

/** Enough for `garbage-collect`, and for a stand-in on a free port, of 2.8 and 3.x. */
function registryConfiguration(root: string): string {
  return `version: 0.1
log:
  level: info
storage:
  filesystem:
    rootdirectory: ${JSON.stringify(root)}
  delete:
    enabled: true
http:
  addr: 127.0.0.1:5999
`;
}
