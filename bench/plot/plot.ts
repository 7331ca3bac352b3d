import { machineText } from '../collect/print.ts';
import type { Result, SizeResult } from '../collect/result.ts';
import { sizeNames } from '../tree/shape.ts';
import { type Bar, type Group, groupsOf } from './bars.ts';
import { element, type Svg, text } from './svg.ts';

const width = 860;
const labels = 300;
const values = 70;
const lineHeight = 20;
/** Colours and letters that can be read on white and on black, better still where the reader's choice is known. */
const style = `text { font: 13px system-ui, sans-serif; fill: #6e7681 }
.size { font-weight: 600; font-size: 15px }
.group { font-weight: 600 }
.theirs { fill: #bf8700 }
.ours { fill: #3b82f6 }
.neither { fill: #8c959f }
@media (prefers-color-scheme: light) { text { fill: #424a53 } .size { fill: #1f2328 } }
@media (prefers-color-scheme: dark) { text { fill: #b1bac4 } .size { fill: #f0f6fc } }`;

/** Bars of the medians, size by size, as a picture of its own (SVG). Each size has its own scale, each bar its figure. */
export function drawPlot(result: Result): Svg {
  const parts: Svg[] = [];
  let y = 8;
  for (const size of sizeNames) {
    const of = result.sizes[size];
    if (of === undefined) continue;
    const panel = drawSize(of, y);
    parts.push(...panel.parts);
    y = panel.below + lineHeight;
  }
  parts.push(label(0, y, `Medians, seconds. ${machineText(result.machine)}.`));
  const height = y + lineHeight;
  const about = "This program beside the registry's own collector: seconds, less is better";
  return `${element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: 'img',
      'aria-label': about,
    },
    element('title', {}, text(about)),
    element('style', {}, text(style)),
    ...parts,
  )}\n`;
}

interface Panel {
  readonly parts: readonly Svg[];
  /** Where the next thing may begin. */
  readonly below: number;
}

function drawSize(of: SizeResult, top: number): Panel {
  const { repositories, manifests, blobs, files } = of.counts;
  const figures = [
    `${repositories.toLocaleString('en-US')} repositories`,
    `${manifests.toLocaleString('en-US')} manifests`,
    `${blobs.toLocaleString('en-US')} blobs`,
    `${files.toLocaleString('en-US')} files`,
  ];
  const groups = groupsOf(of);
  const longest = Math.max(...groups.flatMap(({ bars }) => bars.map(({ seconds }) => seconds)));
  const parts: Svg[] = [label(0, top, `${of.size}: ${figures.join(', ')}`, 'size')];
  let y = top + lineHeight * 1.5;
  for (const group of groups) {
    parts.push(...drawGroup(group, y, longest));
    y += lineHeight * (group.bars.length + 1.5);
  }
  return { parts, below: y };
}

function drawGroup({ title, bars }: Group, top: number, longest: number): Svg[] {
  return [
    label(0, top, title, 'group'),
    ...bars.flatMap((bar, at) => drawBar(bar, top + lineHeight * (at + 1), longest)),
  ];
}

function drawBar({ label: name, whose, seconds }: Bar, y: number, longest: number): Svg[] {
  const length = Math.max(1, (seconds / longest) * (width - labels - values));
  return [
    label(12, y, name),
    element('rect', {
      class: whose,
      x: labels,
      y: y + 3,
      width: length.toFixed(1),
      height: lineHeight - 6,
      rx: 2,
    }),
    label(labels + length + 6, y, secondsText(seconds)),
  ];
}

/** Two digits at least, and no more than that matter: 0.034 s, 1.2 s, 24 s. */
export function secondsText(seconds: number): string {
  const digits = seconds >= 10 ? 0 : seconds >= 1 ? 1 : seconds >= 0.1 ? 2 : 3;
  return `${seconds.toFixed(digits)} s`;
}

function label(x: number, y: number, content: string, kind?: string): Svg {
  const place = { x: x.toFixed(1), y: y + 14 };
  return element('text', kind === undefined ? place : { ...place, class: kind }, text(content));
}
