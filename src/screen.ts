import { stripVTControlCharacters, styleText } from 'node:util';

/** What of a stream is needed to draw on it. `process.stdout` and `process.stderr` are such. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): boolean;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Whether to colour what is written to `screen`. FORCE_COLOR comes before NO_COLOR, as in Node itself; an empty NO_COLOR
 * counts as unset (no-color.org).
 */
export function wantsColor(screen: Pick<Screen, 'isTTY'>, env: Environment): boolean {
  const { FORCE_COLOR: force, NO_COLOR: no, TERM: term } = env;
  if (force !== undefined) return force !== '0' && force !== 'false';
  if (no !== undefined && no !== '') return false;
  return screen.isTTY === true && term !== 'dumb';
}

export type Paint = (text: string) => string;
export type Palette = Readonly<Record<'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'cyan', Paint>>;

/** Paints that colour, or leave the text as it is. */
export function palette(color: boolean): Palette {
  const paint = (style: keyof Palette): Paint =>
    // Whether to colour is decided above, for the stream at hand; styleText would ask process.stdout.
    color ? (text) => styleText(style, text, { validateStream: false }) : (text) => text;
  return {
    bold: paint('bold'),
    dim: paint('dim'),
    red: paint('red'),
    yellow: paint('yellow'),
    green: paint('green'),
    cyan: paint('cyan'),
  };
}

const ascii = /^[ -~]*$/;
const zero = /^\p{M}$/u;
/** Wide or full-width (UAX #11), widely drawn: CJK, Hangul, kana, full-width forms, emoji. Rather too many than too few. */
const wide =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{1f000}-\u{1faff}\u{20000}-\u{3fffd}]$|^\p{Emoji_Presentation}$/u;

/** How many columns of a terminal `text` (one line, made visible; colours allowed) takes. */
export function width(text: string): number {
  const plain = stripVTControlCharacters(text);
  if (ascii.test(plain)) return plain.length;
  let columns = 0;
  for (const character of plain) columns += zero.test(character) ? 0 : wide.test(character) ? 2 : 1;
  return columns;
}

/**
 * Breaks `text` (one line, no colours) into lines of at most `columns`: between words, within a longer word after a slash,
 * anywhere where there is none. Lines after the first begin with `indent`.
 */
export function wrap(text: string, columns: number, indent = ''): string[] {
  const indented = width(indent);
  const room = Math.max(columns, indented + 2);
  const lines: string[] = [];
  let line = '';
  let used = 0;
  function flush(): void {
    lines.push(line.trimEnd());
    line = indent;
    used = indented;
  }
  for (const piece of piecesOf(text, room - indented)) {
    const needed = width(piece.trimEnd());
    const begun = used > (lines.length === 0 ? 0 : indented);
    if (begun && used + needed > room && needed <= room - indented) flush();
    // What does not fit on a line of its own is broken where the line ends.
    for (const part of used + needed <= room ? [piece] : piece) {
      if (used + width(part.trimEnd()) > room) flush();
      line += part;
      used += width(part);
    }
  }
  lines.push(line.trimEnd());
  return lines;
}

/** Words with the blanks behind them; a word wider than `room` in pieces that end with a slash. */
function piecesOf(text: string, room: number): string[] {
  return text
    .split(/(?<= )(?=[^ ])/)
    .flatMap((word) => (width(word.trimEnd()) > room ? word.split(/(?<=\/)/) : [word]));
}

/** `left` and `right` with blanks between, so that the right one ends in column `columns`; at least two blanks. */
export function spread(left: string, right: string, columns: number): string {
  return `${left}${' '.repeat(Math.max(2, columns - width(left) - width(right)))}${right}`;
}
