// Prints the two summaries of a recorded run: scripts/demo ends with them, so that they stand on its last screen.
import { readFileSync } from 'node:fs';
import { bind, pageOf } from '../../src/report/page.ts';
import { summarySection } from '../../src/report/summary.ts';

const { before, after } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const page = pageOf({ columns: process.stdout.columns, color: false });
process.stdout.write(
  bind([
    summarySection('Before cleanup', before, page),
    summarySection('After cleanup', after, page, before),
  ]),
);
