import { isUtf8 } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { at } from '../support/layout.ts';
import { configFor } from '../support/program.ts';
import { pushImage } from '../support/push.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { inPipes, inTerminal } from '../support/shown.ts';
import { wrapBinary } from '../support/wrapper.ts';

/** A name, and how people are to see it. No sequence is one that the program itself draws with. */
const hostile: readonly { readonly what: string; readonly name: string; readonly shown: string }[] = [
  { what: 'an ESC that sets the title', name: 'title\x1b]0;owned\x07', shown: 'title\\x1b]0;owned\\x07' },
  { what: 'an ESC that clears the screen', name: 'clear\x1b[2J', shown: 'clear\\x1b[2J' },
  { what: 'a CR that writes over the line', name: 'over\rDone', shown: 'over\\rDone' },
  { what: 'a newline', name: 'two\nlines', shown: 'two\\nlines' },
  { what: 'a bidi override', name: 'bidi\u202egnp.exe', shown: 'bidi\\u202egnp.exe' },
  { what: 'a C1 control sequence', name: 'cone\u009b2J', shown: 'cone\\x9b2J' },
  { what: 'a zero-width space', name: 'zero\u200bwidth', shown: 'zero\\u200bwidth' },
];
/** Not valid UTF-8, with a C1 control as a lone byte. Nobody can address it, so it is refused. */
const invalid = {
  bytes: Buffer.from('raw\xff\x9b2J\x1b[2J', 'latin1'),
  shown: 'raw\\xff\\x9b2J\\x1b[2J',
} as const;

/** What a collector (a wrapper around it, say) may print: all of the above but the newline, and raw bytes. */
const printed = hostile.filter(({ name }) => !name.includes('\n'));

/** Those of the program's palette. */
const colors = '(?:0|1|2|22|31|32|33|36|39)m';

const ways = ['in a terminal', 'into a pipe', 'as JSON'] as const;
type Way = (typeof ways)[number];

interface Seen {
  readonly exitCode: number | null;
  /** Everything on stdout and stderr, without what the program draws with, and without white space. */
  readonly text: string;
}

describe.each(ways)('names and lines that would take over a terminal, shown %s', (way) => {
  it('are escapes where they lie about and do no harm, and where a collector prints them that does its work', async () => {
    await using registry = await overwritten();
    const config = configFor(registry, { binary: collectorThatPrints(registry, 'sleep 0.5') });
    for (const { name } of hostile) {
      stray(registry, join(at.repositories, name), 'notes.txt');
      stray(registry, join(at.blobs, name), 'notes.txt');
    }
    const checked = await show(way, ['check', '--config', config]);
    expect(checked.exitCode).toBe(0);
    for (const { name, shown } of hostile) {
      expectTold(
        checked,
        way,
        `${at.repositories}/${name}/notes.txt`,
        `${at.repositories}/${shown}/notes.txt`,
      );
      expectTold(checked, way, `${at.blobs}/${name}/notes.txt`, `${at.blobs}/${shown}/notes.txt`);
    }

    const cleaned = await show(way, ['run', '--config', config]);
    expect(cleaned.exitCode).toBe(0);
    // One of a kind is named in a warning.
    expect(hostile.some(({ name, shown }) => told(cleaned, way, `/${name}/`, `/${shown}/`))).toBe(true);
    // A terminal shows the line of the moment alone; beside a JSON document they are plain lines on stderr.
    const lines = [...printed.map(({ shown }) => shown), 'raw\ufffd'].flatMap((line) => [
      `stdout${line}`,
      `stderr${line}`,
    ]);
    const missing = lines.filter((line) => !cleaned.text.includes(line));
    if (way === 'in a terminal') expect(missing.length).toBeLessThan(lines.length);
    else expect(missing).toEqual([]);
  });

  it('are escapes where they are what the run is refused for', async () => {
    await using registry = await overwritten();
    const config = configFor(registry);
    for (const { name } of hostile) {
      mkdirSync(join(registry.root, at.repositories, name, '_layers', 'sha256'), { recursive: true });
      stray(registry, join(at.blobs, 'sha256', name), 'data');
    }
    for (const directory of [at.repositories, at.blobs]) {
      mkdirSync(Buffer.concat([Buffer.from(join(registry.root, directory, '/')), invalid.bytes]));
    }
    const before = listing(registry);
    const refused = await show(way, ['run', '--config', config]);
    expect(refused.exitCode).toBe(6);
    for (const { name, shown } of hostile) {
      expectTold(refused, way, `${at.repositories}/${name}`, `${at.repositories}/${shown}`);
      expectTold(refused, way, `${at.blobs}/sha256/${name}/data`, `${at.blobs}/sha256/${shown}/data`);
    }
    for (const directory of [at.repositories, at.blobs]) {
      expectTold(refused, way, `${directory}/${invalid.shown}`, `${directory}/${invalid.shown}`);
    }
    expect(listing(registry)).toBe(before);
  });

  it('are escapes where a collector prints them that fails', async () => {
    await using registry = await overwritten();
    const binary = collectorThatPrints(registry, 'exit 1');
    const failed = await show(way, ['run', '--config', configFor(registry, { binary })]);
    expect(failed.exitCode).toBe(1);
    expectTold(failed, way, 'COLLECTOR_FAILED', 'COLLECTOR_FAILED');
    for (const { name, shown } of printed) {
      expectTold(failed, way, `stdout ${name}`, `stdout ${shown}`);
      expectTold(failed, way, `stderr ${name}`, `stderr ${shown}`);
    }
  });
});

/** A registry in which there is something to clean, so that the collector runs. */
async function overwritten(): Promise<TestRegistry> {
  const registry = await startRegistry();
  await pushImage(registry.url, 'team/app', 'v1', { seed: 'old' });
  await pushImage(registry.url, 'team/app', 'v1', { seed: 'new' });
  return registry;
}

function stray(registry: TestRegistry, directory: string, name: string): void {
  mkdirSync(join(registry.root, directory), { recursive: true });
  writeFileSync(join(registry.root, directory, name), 'by hand');
}

/** Everything below the root but the program's own state, with sizes and times; names may be any bytes. */
function listing({ root }: TestRegistry): string {
  const own = join(root, '.registry-cleanup');
  const format = ['-mindepth', '1', '-path', own, '-prune', '-o', '-printf', '%P %y %s %m %T@\\0'];
  return execFileSync('find', [root, ...format], { encoding: 'latin1' })
    .split('\0')
    .sort()
    .join('\n');
}

/** The registry, which prints on both streams what `printed` says, raw bytes too, before it collects or does `then`. */
function collectorThatPrints(registry: TestRegistry, then: string): string {
  const lines = [...printed.map(({ name }) => Buffer.from(name)), invalid.bytes];
  const prints = lines.flatMap((line) => [
    `printf 'stdout ${octal(line)}\\n'`,
    `printf 'stderr ${octal(line)}\\n' >&2`,
  ]);
  return wrapBinary(registry, `case "$*" in garbage-collect*)\n${prints.join('\n')}\n${then}\n;; esac`);
}

/** As printf(1) of any shell understands it. */
function octal(bytes: Buffer): string {
  return [...bytes].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}

/** Runs the program, and fails if anything raw is left in what it showed. */
async function show(way: Way, args: readonly string[]): Promise<Seen> {
  const { exitCode, stdout, stderr } =
    way === 'in a terminal'
      ? await inTerminal(args)
      : await inPipes(way === 'as JSON' ? [...args, '--json'] : args);
  const bytes = Buffer.concat([stdout, stderr]);
  expect(isUtf8(bytes)).toBe(true);
  if (way === 'as JSON') expect(() => JSON.parse(stdout.toString())).not.toThrow();
  const text = way === 'in a terminal' ? withoutDrawing(bytes.toString()) : bytes.toString();
  expect(rawIn(text)).toEqual([]);
  return { exitCode, text: text.replaceAll(/\s/g, '') };
}

/** Controls, bidi and other invisible characters, each with what is around it. */
function rawIn(text: string): string[] {
  const raw = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
  return [...text.matchAll(raw)].map(({ index }) =>
    JSON.stringify(text.slice(Math.max(0, index - 20), index + 20)),
  );
}

/**
 * Text as it is left when what the program draws with is taken out: colours of its palette, the cursor moved up, down or
 * to a column, lines erased, the cursor hidden and shown, frames begun and ended; and CR LF, which a terminal driver makes
 * of every LF.
 */
function withoutDrawing(text: string): string {
  const drawing = new RegExp(`${'\x1b'}\\[(?:${colors}|\\d*[ABG]|2?K|\\?(?:25|2026)[hl])`, 'g');
  return text.replaceAll('\r\n', '\n').replaceAll(drawing, '');
}

/** `raw` is what a JSON document's strings hold, `shown` what a person reads. */
function told({ text }: Seen, way: Way, raw: string, shown: string): boolean {
  const escaped =
    way === 'as JSON'
      ? JSON.stringify(raw)
          .slice(1, -1)
          .replaceAll(/[^ -~]/g, unicodeEscape)
      : shown;
  return text.includes(escaped.replaceAll(/\s/g, ''));
}

function expectTold(seen: Seen, way: Way, raw: string, shown: string): void {
  expect(told(seen, way, raw, shown), `${shown} in ${seen.text}`).toBe(true);
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
