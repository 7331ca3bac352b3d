/** Go's decoder, with which the registry reads, goes no deeper (encoding/json, scanner.go: maxNestingDepth). */
const deepest = 10_000;

/**
 * Manifest bytes as a value, or why the registry would not read them as JSON.parse does. Strictly JSON, with two
 * additions: a key that occurs twice in one object is refused, because readers disagree about which one counts; and
 * `size` and `schemaVersion` are written as integers, since Go takes no `2.0` for one. Bytes that are not UTF-8
 * become U+FFFD, as they do in Go; no digest survives that.
 */
export function readJson(bytes: Uint8Array): { readonly value: unknown } | { readonly why: string } {
  // Not TextDecoder, which drops a byte order mark that the registry stumbles over.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  const seen = survey(text);
  if (seen.depth > deepest) return { why: `nested deeper than ${deepest} levels` };
  if (seen.inexact !== undefined) return { why: `"${seen.inexact}" is not written as an integer` };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which says no more about a file that is not JSON.
    return { why: 'not JSON' };
  }
  if (memberCount(value) !== seen.members) return { why: 'a key occurs twice in one object' };
  return { value };
}

/**
 * A key as Go compares it to the name of a field: any case will do, and so will the two letters outside ASCII whose
 * other case is inside (encoding/json, fold.go). Folds a little more than Go, never less.
 */
export function foldKey(key: string): string {
  return key.toLowerCase().toUpperCase();
}

const integers = new Map(['schemaVersion', 'size'].map((name) => [foldKey(name), name]));

interface Survey {
  /** `key: value` pairs, if it is JSON. */
  readonly members: number;
  readonly depth: number;
  /** The first of the integers that is written with a fraction or an exponent. */
  readonly inexact: string | undefined;
}

const code = {
  quote: 0x22,
  point: 0x2e,
  colon: 0x3a,
  largeE: 0x45,
  openBracket: 0x5b,
  closeBracket: 0x5d,
  smallE: 0x65,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const;

/** What JSON.parse does not tell, found in one pass over the text outside strings. */
function survey(text: string): Survey {
  let members = 0;
  let depth = 0;
  let deepestSeen = 0;
  let inexact: string | undefined;
  /** Where the last string's inside begins and ends. */
  let inside = 0;
  let end = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case code.quote:
        inside = i + 1;
        end = endOfString(text, i);
        i = end;
        break;
      case code.colon:
        members++;
        break;
      case code.openBrace:
      case code.openBracket:
        deepestSeen = Math.max(deepestSeen, ++depth);
        break;
      case code.closeBrace:
      case code.closeBracket:
        depth--;
        break;
      // A number's; or the end of `true`, which is no integer either.
      case code.point:
      case code.smallE:
      case code.largeE:
        inexact ??= integers.get(foldKey(text.slice(inside, end)));
        break;
    }
  }
  return { members, depth: deepestSeen, inexact };
}

/** Index of the quote that ends the string that begins at `start`, or of the text's end. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

function memberCount(root: unknown): number {
  let members = 0;
  // A stack of our own: the text decides how deep it goes.
  const pending = [root];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    const inside: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
    if (!Array.isArray(value)) members += inside.length;
    for (const item of inside) if (typeof item === 'object' && item !== null) pending.push(item);
  }
  return members;
}
