import { visible } from '../format.ts';
import { mapTexts } from '../plain-data.ts';
import { type Paint, type Palette, palette, wrap } from '../screen.ts';

export interface RenderOptions {
  /** Of the terminal; 80 otherwise. */
  readonly columns?: number;
  readonly color?: boolean;
  /** Whether lines are broken at the width. Not in a pipe or a file, where paths are copied and searched for. */
  readonly wrap?: boolean;
  /** Takes secrets out of every text. It must see them whole, so before lines are broken. */
  readonly mask?: (text: string) => string;
}

/** Prose is easier to read on lines that are not too long. */
const widest = 100;
const narrowest = 40;
/** Longest text that is shown, in UTF-16 units. */
const longest = 2_000;

/** What sections are written on: its width and its colours. Texts on it are clean already. */
export interface Page {
  readonly columns: number;
  readonly paint: Palette;
  /** `text` as lines, each `indent` to the right, those after the first `hang` further. */
  prose(text: string, style?: { indent?: number; hang?: number; paint?: Paint }): string[];
}

/** Lines that belong together; sections are parted by a blank line, and an empty one is left out. */
export type Section = readonly string[];

export function pageOf(options: RenderOptions): Page {
  const columns = Math.min(Math.max(options.columns ?? 80, narrowest), widest);
  return {
    columns,
    paint: palette(options.color ?? false),
    prose(text, { indent = 0, hang = 0, paint = (plain: string) => plain } = {}) {
      const margin = ' '.repeat(indent);
      if (options.wrap === false) return [margin + paint(text)];
      return wrap(text, columns - indent, ' '.repeat(hang)).map((line) => margin + paint(line));
    },
  };
}

/** Sections → the text, with a newline at its end. */
export function bind(sections: readonly Section[]): string {
  const bound = sections.filter((section) => section.length > 0).map((section) => section.join('\n'));
  return `${bound.join('\n\n')}\n`;
}

/** Plain data with every text in it masked and safe to print: the one place in which a report's texts are made so. */
export function cleanData<T>(data: T, { mask = (text) => text }: RenderOptions): T {
  return mapTexts(data, (text) => visible(mask(text), longest)) as T;
}
