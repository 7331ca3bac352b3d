import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readResult } from './collect/result.ts';
import { tellUsage } from './misused.ts';
import { fillIn, fillReadme } from './plot/page.ts';
import { drawPlot } from './plot/plot.ts';

/*
 * Puts what scripts/bench collect --json FILE measured into docs/speed.md and README.md, and its plot beside the former.
 * scripts/bench draw FILE
 */
const [file = ''] = process.argv.slice(2);
const result = readResult(file);
if (result === undefined) tellUsage(`There is no file "${file}". scripts/bench draw FILE`);
const root = join(import.meta.dirname, '..');
for (const [name, fill] of [
  ['docs/speed.md', fillIn],
  ['README.md', fillReadme],
] as const) {
  const page = join(root, name);
  writeFileSync(page, fill(readFileSync(page, 'utf8'), result));
}
writeFileSync(join(root, 'docs/speed.svg'), drawPlot(result));
