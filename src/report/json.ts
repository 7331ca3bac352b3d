import { hidden } from '../format.ts';

/**
 * The document as one JSON text with a newline at its end, safe to print: what JSON.stringify leaves raw but a terminal
 * acts on or hides (C1, DEL, bidi, zero-width …) is escaped, so it parses to the same strings.
 */
export function renderJson(document: unknown): string {
  const text = JSON.stringify(document, null, 2);
  // Newlines between the tokens stay: those in strings are escaped already.
  return `${text.replace(hidden, (character) => (character === '\n' ? character : escapeUnits(character)))}\n`;
}

function escapeUnits(character: string): string {
  return Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }).join('');
}
