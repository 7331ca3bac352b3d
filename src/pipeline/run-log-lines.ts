import { z } from 'zod';
import { parseOwner } from './owner.ts';

/*
 * The lines of a run log, `runs/<id>.ndjson`. Later versions only add kinds of lines and fields: what is not known here
 * is passed over. A line may be cut off by a crash or a full disk, and then tells nothing.
 */

const text = z.string();
const count = z.int().nonnegative();
/** Later versions may have more kinds. None is a name that every object has. */
const kind = z
  .string()
  .regex(/^[a-z][a-z-]{0,39}$/)
  .refine((name) => !(name in Object.prototype));

/** Items of one kind, in one repository, that go for the same reason: an index into the line's `because`. */
const group = z.object({ kind, repository: text.optional(), because: count, names: z.array(text) });

/** What every line may carry. */
const common = {
  at: text,
  /**
   * How batch `batch`, of a line before, ended: what could not be removed (with the reason), what was not there, and what
   * is not known to be removed, since the run stopped in the middle of it. Items are told as `<repository> <name>`.
   */
  done: z
    .object({
      batch: count,
      failed: z.array(z.tuple([text, text])),
      absent: z.array(text),
      open: z.array(text),
    })
    .array()
    .optional(),
  /** Items that lines before this one named, and that are not on record: those lines could not be written. */
  missed: count.optional(),
};

const totals = z.object({
  tags: count,
  manifests: count,
  layerLinks: count,
  uploads: count,
  repositories: count,
  blobs: count,
  bytes: count,
});

const line = z.discriminatedUnion('type', [
  z.object({
    ...common,
    type: z.literal('begin'),
    /** Of the program. */
    version: text,
    owner: z.unknown().transform((owner) => parseOwner(JSON.stringify(owner) ?? '')),
    registry: z.object({ version: text, runtime: text, storage: text }).nullable(),
    settings: z.record(z.string().regex(/^[A-Za-z.]{1,80}$/), z.union([text, z.number(), z.boolean()])),
  }),
  /** Written before any of it is removed. `unnamed`: so many more, left out where the log would grow too long. */
  z.object({
    ...common,
    type: z.literal('going'),
    step: text,
    batch: count,
    because: z.array(text),
    groups: z.array(group),
    unnamed: z.record(kind, count),
  }),
  /** The collector has ended. `spared`: announced, and not swept; `besides`: swept, and not announced. */
  z.object({
    ...common,
    type: z.literal('collected'),
    batch: count,
    blobs: count,
    spared: z.array(text),
    besides: z.array(text),
  }),
  /** Everything is undone that could be, and the lock is about to be given back. */
  z.object({ ...common, type: z.literal('released') }),
  z.object({
    ...common,
    type: z.literal('end'),
    outcome: text,
    exitCode: z.int(),
    seconds: z.number(),
    error: text.nullable(),
    removed: totals.nullable(),
    window: z.object({ readOnlySeconds: z.number(), unavailableSeconds: z.number() }).nullable(),
  }),
  /** Another run, or `recover`, found this one dead and took over its lock. `undone`: steps. */
  z.object({ ...common, type: z.literal('recovered'), by: text, host: text, undone: z.array(text) }),
  /** The items were forgotten, since the logs of all runs had grown too long. */
  z.object({ ...common, type: z.literal('forgotten') }),
]);

export type LogLine = z.infer<typeof line>;
export type LineOf<Type extends LogLine['type']> = Extract<LogLine, { type: Type }>;

/** All lines that can be read, in order. */
export function parseLines(text: string): readonly LogLine[] {
  return text.split('\n').flatMap((one) => parseLine(one) ?? []);
}

function parseLine(one: string): LogLine | undefined {
  if (one === '') return undefined;
  try {
    return line.safeParse(JSON.parse(one)).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
