import { realpath } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { LineCounter, parseDocument } from 'yaml';
import { reasonOf } from '../errors.ts';

/*
 * One loader per kind of file: (path, text) → value. Parsers like to quote the line they stumble over, and that line
 * may hold a password: what they say is cut to the part without an excerpt.
 */

/** Runs the file through Node itself, which strips the types of a `.ts` in memory and writes nothing. */
export async function loadCode(file: string): Promise<unknown> {
  try {
    const { href } = pathToFileURL(await realpath(file));
    const loaded: { readonly default?: unknown } = await import(href);
    return loaded.default;
  } catch (error) {
    const reason = reasonOf(error).split('\n', 1)[0];
    const hint = /ERR_MODULE_NOT_FOUND/.test(reason ?? '')
      ? '; "import type" with "satisfies" needs no package beside the file'
      : '';
    throw new Error(`could not be run: ${reason}${hint}`, { cause: error });
  }
}

export function loadJson(_file: string, text: string): unknown {
  try {
    return JSON.parse(withoutMark(text));
  } catch (error) {
    const where = /line \d+ column \d+/.exec(reasonOf(error))?.[0];
    throw new Error(
      `is not valid JSON${where === undefined ? '' : ` at ${where.replace(' column', ', column')}`}`,
    );
  }
}

/** YAML 1.2; aliases that multiply, keys that are there twice, unknown tags and further documents are refused. */
export function loadYaml(_file: string, text: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(withoutMark(text), { lineCounter: lines, prettyErrors: false });
  const wrong = [...document.errors, ...document.warnings][0];
  if (wrong !== undefined) {
    const { line, col } = lines.linePos(wrong.pos[0]);
    throw new Error(
      `is not valid YAML at line ${line}, column ${col}: ${wrong.message.replace(/[:"'\\].*$/s, '').trim()}`,
    );
  }
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    throw new Error('has YAML aliases that are missing or multiply without end');
  }
}

function withoutMark(text: string): string {
  return text.replace(/^\uFEFF/, '');
}
