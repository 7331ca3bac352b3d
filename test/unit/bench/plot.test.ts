import { expect, it } from 'vitest';
import { groupsOf } from '../../../bench/plot/bars.ts';
import { fillIn, fillReadme } from '../../../bench/plot/page.ts';
import { drawPlot } from '../../../bench/plot/plot.ts';
import { resultOf, row, sizeResult } from './result.ts';

const rows = [
  row('find', 4),
  row('find cold', 20),
  row('gc-dry-2.8.2', 8),
  row('gc-2.8.2', 10),
  row('gc-3.1.1', 40),
  row('look-native', 1),
  row('run-native', 5),
  row('closed-native', 0.5),
];
const result = resultOf(sizeResult('small', rows), sizeResult('large', rows));

it('the plot is well-formed, whatever the machine is called', () => {
  const svg = drawPlot(result);
  expect(openAtTheEnd(svg)).toEqual([]);
  expect(svg).toContain('Brand "A" &amp; &lt;B&gt;'.replaceAll('"', '&quot;'));
  expect(svg).toContain('large: 600 repositories');
});

it('every bar is as long as its seconds are many, beside those of its size', () => {
  const widths = [...drawPlot(result).matchAll(/<rect class="\w+" x="\d+" y="[\d.]+" width="([\d.]+)"/g)];
  const seconds = groupsOf(sizeResult('small', rows)).flatMap(({ bars }) => bars.map((bar) => bar.seconds));
  expect(seconds).toEqual([8, 4, 1, 10, 40, 5, 0.5]);
  const longest = Number(widths[4]?.[1]);
  expect(widths).toHaveLength(2 * seconds.length);
  for (const [at, [, width]] of widths.entries())
    expect(Number(width) / longest).toBeCloseTo((seconds[at % seconds.length] ?? 0) / 40, 2);
});

it('the page gets tables in its place, again and again, and nothing else of it changes', () => {
  const page = 'before\n<!-- result: made by scripts/bench draw -->\nold\n<!-- end of result -->\nafter\n';
  const filled = fillIn(page, result);
  expect(filled).toMatch(/^before\n<!-- result.*-->\n[\s\S]+\n<!-- end of result -->\nafter\n$/);
  expect(filled).not.toContain('\nold\n');
  expect(filled).toContain('| title of run-native | 5.0 s, 50 MB | 5.0 s, 50 MB |');
  expect(filled).toContain('| inventory and plan / find -type f | large | 0.250 × | 0.500 × |');
  expect(fillIn(filled, result)).toBe(filled);
  expect(() => fillIn('no place', result)).toThrow('has no place');
});

it('the README gets the plot, and a line for each promise, with all sizes', () => {
  const page = '# name\n<!-- result: made by scripts/bench draw -->\n<!-- end of result -->\nafter\n';
  const filled = fillReadme(page, result);
  expect(filled).toContain('](docs/speed.svg)');
  expect(filled).toContain('| inventory and plan / find -type f | 0.250 × | 0.250 × |');
  expect(filled).toMatch(/^# name\n[\s\S]+\nafter\n$/);
  expect(fillReadme(filled, result)).toBe(filled);
});

/** Names of elements that are opened and not closed; throws at what is no XML. */
function openAtTheEnd(xml: string): string[] {
  const open: string[] = [];
  const rest = xml.replace(
    /<(\/?)([a-z]+)((?: [a-zA-Z-]+="[^"<]*")*)(\/?)>/g,
    (_, closing, name, __, empty) => {
      if (closing !== '') expect(open.pop()).toBe(name);
      else if (empty === '') open.push(name);
      return '';
    },
  );
  expect(rest).not.toMatch(/[<>]/);
  expect(rest.replace(/&(?:amp|lt|gt|quot);/g, '')).not.toContain('&');
  return open;
}
