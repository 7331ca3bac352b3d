import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readResult } from './collect/result.ts';
import { tellUsage } from './misused.ts';
import { fillIn } from './plot/page.ts';
import { drawPlot } from './plot/plot.ts';

/*
 * Puts what scripts/bench collect --json FILE measured into docs/speed.md, and its plot beside it.
 * scripts/bench draw FILE
 */
const [file = ''] = process.argv.slice(2);
const result = readResult(file);
if (result === undefined) tellUsage(`There is no file "${file}". scripts/bench draw FILE`);
const docs = join(import.meta.dirname, '../docs');
const page = join(docs, 'speed.md');
writeFileSync(page, fillIn(readFileSync(page, 'utf8'), result));
writeFileSync(join(docs, 'speed.svg'), drawPlot(result));
