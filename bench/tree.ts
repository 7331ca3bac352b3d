import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { tellUsage } from './misused.ts';
import { homeIn } from './tree/home.ts';
import { isSizeName, sizes } from './tree/shape.ts';

/*
 * Builds the storage of a registry of a named size, the same one for the same seed: DIRECTORY/data, and beside it
 * config.yml for the registry, cleanup.json for this program, tree.json with its figures.
 * scripts/bench tree SIZE DIRECTORY [--garbage 0.5] [--skew] [--seed 1]
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    garbage: { type: 'string', default: '0.5' },
    seed: { type: 'string', default: '1' },
    skew: { type: 'boolean', default: false },
  },
});
const [size = '', directory] = positionals;
if (!isSizeName(size) || directory === undefined) {
  const names = Object.keys(sizes).join('|');
  tellUsage(`scripts/bench tree ${names} DIRECTORY [--garbage 0.5] [--skew] [--seed 1]`);
}
const began = performance.now();
const { root, counts } = await homeIn(resolve(directory), {
  size,
  garbage: Number(values.garbage),
  skew: values.skew,
  seed: Number(values.seed),
});
const seconds = (performance.now() - began) / 1000;
process.stdout.write(`${root}: ${JSON.stringify(counts)} in ${seconds.toFixed(1)} s\n`);
