import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterAll, it } from 'vitest';

/*
 * Hostile and damaged inputs for what reads text and bytes from outside. `SEED=… ` repeats a run; `LONG=1` takes many
 * more inputs. A failing input is made small by fast-check and printed escaped.
 */

export const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const long = process.env.LONG === '1';

/** Pieces that parsers like to stumble over. */
const hostile: readonly Buffer[] = [
  ...[
    '',
    '\0',
    '\n',
    '\r\n',
    '\r',
    '\t',
    ' ',
    '"',
    "'",
    '\\',
    '\\u0000',
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '-',
    '#',
    '&a ',
    '*a',
  ],
  ...[
    '\u2028',
    '\u2029',
    '\u0085',
    '\u00a0',
    '\ufeff',
    '\u202e',
    '\u0130',
    '\u017f',
    '\u212a',
    'é',
    '💥',
    '\ufffd',
    '\x1b[2J',
    '\x1b]52;c;',
    '\x07',
  ],
  ...[
    '0',
    '-1',
    '1e999',
    '-0',
    '9007199254740993',
    '0x10',
    '1'.repeat(400),
    '017',
    'NaN',
    'null',
    'true',
    '1_000',
    '.5',
  ],
  ...[
    '../',
    '/',
    '//',
    '/./',
    '_layers',
    '_manifests/',
    'link',
    '%2f',
    '__proto__',
    'constructor',
    '<<: ',
    '!!js/function ',
  ],
  ...[
    'sha256:',
    'sha512:',
    `sha256:${'0'.repeat(64)}`,
    'a'.repeat(256),
    '['.repeat(300),
    '{"a":'.repeat(300),
    ' '.repeat(5_000),
  ],
]
  .map((text) => Buffer.from(text))
  .concat(
    [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf8, 0x88], [0x80]].map((bytes) => Buffer.from(bytes)),
  );

const operations = [
  'flip',
  'cut',
  'delete',
  'insert',
  'replace',
  'repeat',
  'splice',
  'swap',
  'case',
  'lines',
] as const;

export interface Change {
  readonly how: (typeof operations)[number];
  /** Of the input's length. */
  readonly at: number;
  readonly length: number;
  readonly piece: number;
}

/** What may happen to bytes on their way. */
export const change: fc.Arbitrary<Change> = fc.record({
  how: fc.constantFrom(...operations),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 200 })),
  piece: fc.nat(10_000),
});

/** Samples, changed in up to five places each; now and then one as it is, and bytes that come from no sample. */
export function damaged(samples: readonly (string | Uint8Array)[], mostChanges = 5): fc.Arbitrary<Buffer> {
  const all = samples.map((sample) => Buffer.from(sample));
  const mutated = fc
    .record({ sample: fc.nat(all.length - 1), changes: fc.array(change, { maxLength: mostChanges }) })
    .map(({ sample, changes }) => changed(all[sample] ?? Buffer.alloc(0), changes, all));
  const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  const glued = fc
    .array(fc.constantFrom(...hostile), { maxLength: 12 })
    .map((pieces) => Buffer.concat(pieces));
  return fc.oneof(
    { arbitrary: mutated, weight: 18 },
    { arbitrary: noise, weight: 1 },
    { arbitrary: glued, weight: 1 },
  );
}

/** `bytes` after all of that; pieces of `samples` may have got into it. */
export function changed(bytes: Buffer, changes: readonly Change[], samples: readonly Buffer[]): Buffer {
  return changes.reduce((now, one) => applied(now, one, samples), bytes);
}

function applied(
  bytes: Buffer,
  { how, at: share, length, piece }: Change,
  samples: readonly Buffer[],
): Buffer {
  const at = Math.floor(share * bytes.length);
  const end = Math.min(bytes.length, at + length);
  const inserted = hostile[piece % hostile.length] ?? Buffer.alloc(0);
  const [before, middle, after] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
  switch (how) {
    case 'flip': {
      const copy = Buffer.from(bytes);
      if (copy.length > 0) copy[at % copy.length] = (copy[at % copy.length] ?? 0) ^ (1 << (piece % 8));
      return copy;
    }
    case 'cut':
      return before;
    case 'delete':
      return Buffer.concat([before, after]);
    case 'insert':
      return Buffer.concat([before, inserted, middle, after]);
    case 'replace':
      return Buffer.concat([before, inserted, after]);
    case 'repeat':
      return Buffer.concat([before, ...Array.from({ length: 1 + (piece % 5) }, () => middle), after]);
    case 'splice': {
      const other = samples[piece % samples.length] ?? bytes;
      return Buffer.concat([before, other.subarray(Math.floor(share * other.length * 0.9))]);
    }
    case 'swap':
      return Buffer.concat([after, middle, before]);
    case 'case':
      return Buffer.concat([before, Buffer.from(middle.toString('latin1').toUpperCase(), 'latin1'), after]);
    case 'lines':
      return Buffer.from(
        bytes.toString('latin1').replaceAll('\n', piece % 2 === 0 ? '\r\n' : '\r'),
        'latin1',
      );
  }
}

/** How many inputs: usually, and with LONG=1. */
export interface Amount {
  readonly usual: number;
  readonly long?: number;
  /** Inputs that one value holds, to be tried side by side; a failure is not made smaller, and must tell its input. */
  readonly together?: number;
}

let total = 0;
const started = performance.now();
afterAll(() => {
  if (total === 0) return;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${total.toLocaleString('en')} inputs in ${seconds} s, seed ${seed}\n`);
});

/** A test that `check` throws for no input. What it must hold is said in `title`. */
export function fuzz<T>(
  title: string,
  { usual, long: most = usual * 50, together = 1 }: Amount,
  input: fc.Arbitrary<T>,
  check: (input: T) => void | Promise<void>,
): void {
  it(title, { timeout: long ? 3_600_000 : 120_000 }, async () => {
    using watch = watchdog(title);
    let done = 0;
    const property = fc.asyncProperty(input, async (value) => {
      watch.beat(value);
      done += together;
      await check(value);
    });
    const result = await fc.check(property, {
      seed,
      numRuns: Math.ceil((long ? most : usual) / together),
      endOnFailure: together > 1,
    });
    total += done;
    if (!result.failed) return;
    const { errorInstance: cause, counterexample, counterexamplePath: path } = result;
    const what = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    const shown = counterexample === null || together > 1 ? 'what follows' : escaped(counterexample[0]);
    throw new Error(`SEED=${seed} (path ${path}) fails with ${shown}\n${what}`, { cause });
  });
}

/** In ASCII, so that nothing of it acts on a terminal. */
export function escaped(value: unknown): string {
  const text = value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : JSON.stringify(value);
  const short = text.length > 4_000 ? `${text.slice(0, 4_000)}… (${text.length})` : text;
  return JSON.stringify(short).replaceAll(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** One input may take so long before it counts as a hang, ms. */
const hangMs = 60_000;

/**
 * Ends this process, and says with which input, when one keeps it from doing anything else: a loop without an end can
 * be stopped from outside alone.
 */
function watchdog(title: string): Disposable & { beat(input: unknown): void } {
  const shared = new SharedArrayBuffer(4 + 16_384);
  const beats = new Int32Array(shared, 0, 1);
  const shown = new Uint8Array(shared, 4);
  const code = `
    const { workerData: { shared, title, seed, hangMs } } = require('node:worker_threads');
    const beats = new Int32Array(shared, 0, 1);
    let last = 0;
    setInterval(() => {
      const now = Atomics.load(beats, 0);
      if (now === last && now > 0) {
        const input = JSON.stringify(Buffer.from(new Uint8Array(shared, 4)).toString('latin1').replace(/\\0+$/, ''));
        require('node:fs').writeSync(2, 'HANGS: ' + title + ' (SEED=' + seed + ') with ' + input + '\\n');
        process.kill(process.pid, 'SIGKILL');
      }
      last = now;
    }, hangMs);
  `;
  const worker = new Worker(code, { eval: true, workerData: { shared, title, seed, hangMs } });
  worker.unref();
  return {
    beat(input) {
      Atomics.add(beats, 0, 1);
      if (!(input instanceof Uint8Array)) return;
      shown.fill(0, 0, Math.min(shown.length, input.length + 1));
      shown.set(input.subarray(0, shown.length));
    },
    [Symbol.dispose]() {
      Atomics.store(beats, 0, 0);
      void worker.terminate();
    },
  };
}
