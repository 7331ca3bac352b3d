import { hidden } from '../format.ts';
import { isList } from '../plain-data.ts';

/** UTF-16 units that are printed at once, at least. */
const pieceSize = 64 * 1024;

/**
 * The document as one JSON text with a newline at its end, safe to print: what JSON.stringify leaves raw but a terminal
 * acts on or hides (C1, DEL, bidi, zero-width …) is escaped, so it parses to the same strings. A list at a key of the
 * document may be any iterable.
 */
export function renderJson(document: unknown): string {
  return [...jsonPieces(document)].join('');
}

/** As `renderJson`, in pieces: of a list that is made as it is asked for, nothing is kept. */
export function* jsonPieces(document: unknown): Generator<string> {
  let piece = '';
  for (const part of partsOf(document, '')) {
    piece += part;
    if (piece.length < pieceSize) continue;
    yield safe(piece);
    piece = '';
  }
  yield `${safe(piece)}\n`;
}

/** Together what `JSON.stringify(value, null, 2)` is, `indent` to the right. */
function* partsOf(value: unknown, indent: string): Generator<string> {
  if (isPlainObject(value)) {
    const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
    yield* enclosed('{}', entries, indent, function* ([key, inner], inside) {
      yield `${JSON.stringify(key)}: `;
      yield* partsOf(inner, inside);
    });
  } else if (isList(value)) {
    yield* enclosed('[]', value, indent, function* (item, inside) {
      yield (JSON.stringify(item, null, 2) ?? 'null').replaceAll('\n', `\n${inside}`);
    });
  } else {
    yield JSON.stringify(value) ?? 'null';
  }
}

function* enclosed<T>(
  [open, close]: string,
  items: Iterable<T>,
  indent: string,
  partsOfItem: (item: T, inside: string) => Iterable<string>,
): Generator<string> {
  const inside = `${indent}  `;
  let before = open;
  for (const item of items) {
    yield `${before}\n${inside}`;
    yield* partsOfItem(item, inside);
    before = ',';
  }
  yield before === open ? `${open}${close}` : `\n${indent}${close}`;
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || isList(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function safe(text: string): string {
  // Newlines between the tokens stay: those in strings are escaped already.
  return text.replace(hidden, (character) => (character === '\n' ? character : escapeUnits(character)));
}

function escapeUnits(character: string): string {
  return Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }).join('');
}
