// Puts the figures of the kill matrix into docs/crash-matrix.md: node scripts/lib/crash-matrix.mjs RESULT.json
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const page = join(import.meta.dirname, '../../docs/crash-matrix.md');
const result = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const number = (value) => value.toLocaleString('en-US');
const { disturbances } = result;
const total = Object.values(disturbances).reduce((sum, count) => sum + count, 0);
const rows = [
  ['date', result.date],
  ['machine', result.machine],
  ['registry', result.registry],
  [
    'points',
    `${number(result.moments + result.operations)}: ${result.moments} moments of ${result.steps} steps, ${result.operations} around storage operations`,
  ],
  ['SIGKILL, then `recover`', number(disturbances.SIGKILL)],
  ['SIGINT, SIGTERM', `${number(disturbances.SIGINT)}, ${number(disturbances.SIGTERM)}`],
  ['errors', number(disturbances.error)],
  ['runs cut off in all', number(total)],
  [
    'by collector',
    Object.entries(result.collectors)
      .map(([name, { runs }]) => `${name} ${number(runs)}`)
      .join(', '),
  ],
  ['tags checked', number(result.tagsChecked)],
  ['**tags lost**', `**${result.tagsLost}**`],
  ['**registries not restored**', `**${result.notRestored}**`],
  ['anything else that was wrong', String(result.otherFindings)],
  ['longest time from a signal to the end', `${result.slowestEnd} s`],
  ['duration', `${Math.round(result.seconds / 60)} min, ${result.lanes} registries at once`],
  ['seed', String(result.seed)],
];
const table = ['| | |', '|---|---|', ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join('\n');
const text = readFileSync(page, 'utf8');
const made = text.replace(/(<!-- result:.*?-->\n)[\s\S]*(\n<!-- end of result -->)/, `$1${table}$2`);
if (made === text) throw new Error(`${page} has no place for it, or says it already`);
writeFileSync(page, made);
