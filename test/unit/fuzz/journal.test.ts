import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openJournal } from '../../../src/pipeline/journal.ts';
import { type OpenDeed, readJournal } from '../../../src/pipeline/journal-text.ts';
import { steps } from '../../../src/pipeline/steps.ts';
import type { State } from '../../../src/storage/storage.ts';
import { change, changed, fuzz, seed } from '../../support/fuzz.ts';

/** What a run did: a deed, that it undid one, or that the disk was full after so many bytes of what it wanted to write. */
type Did =
  | { readonly deed: string; readonly memo: unknown }
  | { readonly undo: number }
  | { readonly full: number };

interface History {
  /** The journal as the run left it. */
  readonly text: string;
  /** What it wrote, line by line, in order; and what each line says. */
  readonly lines: readonly string[];
  readonly says: readonly ({ readonly deed: number } | { readonly undone: number } | undefined)[];
  readonly deeds: ReadonlyMap<number, OpenDeed>;
  readonly wasFull: boolean;
}

const did: fc.Arbitrary<Did> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      deed: fc.constantFrom(...steps.map(({ id }) => id)),
      memo: fc.dictionary(fc.string({ maxLength: 6, unit: 'binary' }), fc.jsonValue({ maxDepth: 2 }), {
        maxKeys: 4,
      }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ undo: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ full: fc.nat(200) }) },
);

/** A file of text in memory, whose disk can be full. */
function file() {
  const now = { text: '', room: Number.POSITIVE_INFINITY };
  const state = {
    async append(_key: string, line: string) {
      const whole = `${now.text === '' || now.text.endsWith('\n') ? '' : '\n'}${line}\n`;
      const written = whole.slice(0, now.room);
      now.text += written;
      if (written !== whole) throw new Error('ENOSPC');
    },
    read: async () => ({ text: now.text, modified: 0 }),
    remove: async () => {},
  };
  return { now, state: state as unknown as State };
}

async function live(run: string, all: readonly Did[]): Promise<History> {
  const { now, state } = file();
  const journal = await openJournal(state, run);
  const says: History['says'][number][] = [undefined];
  const deeds = new Map<number, OpenDeed>();
  const open: number[] = [];
  for (const one of all) {
    if ('full' in one) {
      now.room = one.full;
      continue;
    }
    try {
      if ('deed' in one) {
        const step = one.deed as OpenDeed['step'];
        const memo = JSON.parse(JSON.stringify({ kind: 'any', ...(one.memo as object) }));
        const id = await journal.deed(step, memo);
        deeds.set(id, { run, step, memo });
        open.push(id);
        says.push({ deed: id });
      } else {
        const [id] = open.splice(one.undo % Math.max(1, open.length), 1);
        if (id === undefined) continue;
        await journal.undone(id);
        says.push({ undone: id });
      }
    } catch {
      // The disk was full, and there is room again.
    }
    now.room = Number.POSITIVE_INFINITY;
  }
  const lines = now.text.split('\n').filter((line) => line.endsWith('"}'));
  const wasFull = lines.length !== says.length || now.text !== `${lines.join('\n')}\n`;
  return { text: now.text, lines, says, deeds, wasFull };
}

const histories = await Promise.all(
  fc
    .sample(fc.array(did, { minLength: 1, maxLength: 14 }), { seed, numRuns: 120 })
    .map((all, run) => live(`run-${run}`, all)),
);
// A write may have failed for want of the line break alone: then line and what it says do not go together.
const usable = histories.filter(({ lines, says }) => lines.length === says.length);
const intact = usable.filter(({ wasFull }) => !wasFull);
const texts = usable.map(({ text }) => Buffer.from(text));
const everything = new Map(
  usable.flatMap(({ deeds }) => [...deeds.values()].map((deed) => [JSON.stringify(deed), deed])),
);

/** What is open when the first `count` lines were written. */
function openAfter({ says, deeds }: History, count: number): string[] {
  const open = new Map<number, OpenDeed>();
  for (const said of says.slice(0, count)) {
    if (said === undefined) continue;
    const id = 'deed' in said ? said.deed : said.undone;
    const deed = deeds.get(id);
    if ('deed' in said && deed !== undefined) open.set(id, deed);
    else open.delete(id);
  }
  return [...open.values()].map((deed) => JSON.stringify(deed));
}

function reported(text: string): { deeds: string[]; lost: readonly string[]; foreign: readonly string[] } {
  const { deeds, lost, foreign } = readJournal(text);
  return { deeds: deeds.map((deed) => JSON.stringify(deed)), lost, foreign };
}

const pickIn = (from: readonly History[]) =>
  fc.record({ history: fc.constantFrom(...from), changes: fc.array(change, { minLength: 1, maxLength: 4 }) });

describe('a journal', () => {
  it('has samples with open deeds, and some whose disk was full', () => {
    expect(
      intact.filter((history) => openAfter(history, history.says.length).length > 1).length,
    ).toBeGreaterThan(10);
    expect(usable.length - intact.length).toBeGreaterThan(5);
  });

  it('is read as it was written, a full disk included', () => {
    for (const history of usable) {
      const { deeds, lost, foreign } = reported(history.text);
      expect(deeds).toEqual(openAfter(history, history.says.length).reverse());
      expect({ lost: history.text.endsWith('"}\n') ? lost : [], foreign }).toEqual({ lost: [], foreign: [] });
    }
  });

  fuzz(
    'that was cut off anywhere is read up to there, and nothing is said to be lost',
    { usual: 4_000 },
    fc.record({ history: fc.constantFrom(...intact), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
    ({ history, share }) => {
      const bytes = Buffer.from(history.text);
      const text = bytes.subarray(0, Math.floor(share * (bytes.length + 1))).toString();
      const whole = text.split('\n').length - 1;
      // A last line counts when all of it is there but the line break.
      const count =
        text.endsWith('"}') && history.lines.includes(text.split('\n').at(-1) ?? '') ? whole + 1 : whole;
      expect(reported(text)).toEqual({ deeds: openAfter(history, count).reverse(), lost: [], foreign: [] });
    },
  );

  fuzz(
    'of which one bit is wrong keeps every open deed, or says that one may be lost',
    { usual: 6_000 },
    fc.record({
      history: fc.constantFrom(...usable),
      share: fc.double({ min: 0, max: 0.999999, noNaN: true }),
      bit: fc.nat(7),
    }),
    ({ history, share, bit }) => {
      const bytes = Buffer.from(history.text);
      const at = Math.floor(share * bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      const { deeds, lost, foreign } = reported(bytes.toString());
      expect(foreign).toEqual([]);
      if (lost.length > 0) return;
      for (const deed of openAfter(history, history.says.length)) expect(deeds).toContain(deed);
    },
  );

  fuzz(
    'that is damaged in any way tells no deed that was not written so, and loses none of before its last whole line in silence',
    { usual: 8_000 },
    pickIn(usable),
    ({ history, changes }) => {
      const text = changed(Buffer.from(history.text), changes, texts).toString();
      const { deeds, lost, foreign } = reported(text);
      expect(foreign).toEqual([]);
      for (const deed of deeds) expect(everything.has(deed)).toBe(true);
      if (lost.length > 0) return;
      const left = new Set(text.split('\n'));
      const last = history.lines.findLastIndex((line) => left.has(line));
      for (const deed of openAfter(history, last + 1)) expect(deeds).toContain(deed);
    },
  );

  it('of 100,000 lines is read', () => {
    const { now, state } = file();
    return openJournal(state, 'long').then(async (journal) => {
      await journal.deed('stop', { kind: 'any' });
      const [begin = '', deed = ''] = now.text.split('\n');
      const text = `${begin}\n${`${deed}\n`.repeat(100_000)}`;
      expect(readJournal(text).deeds).toHaveLength(1);
      expect(readJournal(`${'{'.repeat(100)}\n`.repeat(100_000)).lost).toHaveLength(100_000);
    });
  });
});
