import prettyBytes from 'pretty-bytes';

/** Bytes in binary units: `1.2 GiB`. */
export function bytes(value: number): string {
  return prettyBytes(value, { binary: true });
}

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** A count with separators between thousands: `12,340`. */
export function count(value: number): string {
  return grouped.format(value);
}

/** A count with its noun: `1 manifest`, `12,340 manifests`, `2 repositories`. */
export function counted(value: number, noun: string): string {
  if (value === 1) return `1 ${noun}`;
  return `${count(value)} ${noun.endsWith('y') ? `${noun.slice(0, -1)}ies` : `${noun}s`}`;
}

/** A span of seconds, as exact as its length asks for: `0.3 s`, `42 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function seconds(value: number): string {
  if (value > 0 && value < 0.05) return '<0.1 s';
  if (value < 9.95) return `${value.toFixed(1)} s`;
  const whole = Math.round(value);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return pair(whole, 60, 'min', 1, 's');
  const minutes = Math.round(value / 60);
  if (minutes < 1440) return pair(minutes, 60, 'h', 1, 'min');
  return pair(Math.round(minutes / 60), 24, 'd', 1, 'h');
}

function pair(value: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((value % large) / small);
  return `${Math.floor(value / large)} ${largeUnit}${rest === 0 ? '' : ` ${rest} ${smallUnit}`}`;
}

/**
 * What a terminal would act on or not show, as Unicode's general categories: controls (C0, DEL, C1), format characters
 * (bidi, zero-width, tags, BOM), lone surrogates, private and unassigned ones, line and paragraph separators, spaces
 * other than U+0020, and what is ignorable by default (variation selectors, fillers); the blank Braille pattern, too.
 */
export const hidden = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu;

const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * `text` with everything that a terminal would act on, or that an eye would not see, as an escape (`\x1b`, `\u202e`,
 * `\u{e0041}`): one line, safe to print. Longer than `limit` UTF-16 units, it ends in `…` (no escape is cut apart).
 */
export function visible(text: string, limit = Number.POSITIVE_INFINITY): string {
  // Every unit becomes at least one, so more than `limit` of them are never needed.
  const escaped = text.slice(0, limit + 1).replace(hidden, escapeOf);
  return escaped.length <= limit && text.length <= limit ? escaped : cut(escaped, limit);
}

function escapeOf(character: string): string {
  const known = named[character];
  if (known !== undefined) return known;
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`;
}

/** One escape of `visible`, or one character. */
const piece = /\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|u\{[0-9a-f]{5,6}\}|[nrt])|./gsu;

function cut(escaped: string, limit: number): string {
  let kept = '';
  for (const [part] of escaped.matchAll(piece)) {
    if (kept.length + part.length > limit - 1) break;
    kept += part;
  }
  return limit >= 1 ? `${kept}…` : '';
}
