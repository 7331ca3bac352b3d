import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Binary, registryBinary } from '../../test/support/binary.ts';
import { tellUsage } from '../misused.ts';
import { isSizeName, type SizeName, sizes } from '../tree/shape.ts';

export interface Options {
  readonly size: SizeName;
  readonly rounds: number;
  /** Registries whose collectors are measured; the first is that of our own runs. */
  readonly binaries: readonly [Binary, ...Binary[]];
  /** What is measured: rows whose id begins with one of these; all of them when empty. */
  readonly only: readonly string[];
  readonly cold: boolean;
  readonly skew: boolean;
  readonly dropNames: boolean;
  /** Where the trees are; those that are only read stay there when it was given. */
  readonly work: string;
  readonly keep: boolean;
  readonly profile: string | undefined;
  readonly json: string | undefined;
  readonly svg: string | undefined;
}

/** How the names of what is thrown away begin: --work may be a directory that holds other things. */
export const ownPrefix = 'registry-cleanup-bench-';

const usage = `scripts/bench collect [${Object.keys(sizes).join('|')}]
  --rounds N         rounds, all of them interleaved (5)
  --binary PATH      a registry to compare with, several times if you like; our own runs use the first
                     (REGISTRY_BIN or the one on the PATH, and REGISTRY3_BIN if set)
  --only ID          measure these rows alone: ids, or how they begin; several times if you like
  --cold             read with empty caches, too (root only)
  --skew             read a tree, too, in which one repository has 90 % of everything
  --no-drop          do not have the kernel forget names of removed files between rounds
  --work DIRECTORY   build trees there, and keep those that are only read for the next time (a temporary one)
  --profile DIR      our own processes leave profiles of the processor there (--cpu-prof)
  --json FILE        put the figures there; what it says of other sizes stays
  --svg FILE         draw what --json FILE says`;

/** Ends the program where they are none. */
export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parse(args);
  if (values.help) tellUsage(usage, true);
  const [size = 'large', ...rest] = positionals;
  const rounds = Number(values.rounds);
  const drawsNothing = values.svg !== undefined && values.json === undefined;
  if (!isSizeName(size) || rest.length > 0 || !Number.isInteger(rounds) || rounds < 1 || drawsNothing)
    tellUsage(usage);
  const path = (given: string | undefined): string | undefined => given && resolve(given);
  const work = path(values.work);
  const profile = path(values.profile);
  for (const directory of [work, profile]) if (directory) mkdirSync(directory, { recursive: true });
  return {
    size,
    rounds,
    binaries: binariesOf(values.binary),
    only: values.only,
    cold: values.cold,
    skew: values.skew,
    dropNames: values.drop,
    work: work ?? mkdtempSync(join(tmpdir(), ownPrefix)),
    keep: work !== undefined,
    profile,
    json: path(values.json),
    svg: path(values.svg),
  };
}

function binariesOf(paths: readonly string[]): [Binary, ...Binary[]] {
  const third = process.env.REGISTRY3_BIN;
  const [first, ...rest] = paths.length > 0 ? paths : [undefined, ...(third ? [third] : [])];
  return [registryBinary(first), ...rest.map((path) => registryBinary(path))];
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      allowNegative: true,
      options: {
        rounds: { type: 'string', default: '5' },
        binary: { type: 'string', multiple: true, default: [] },
        only: { type: 'string', multiple: true, default: [] },
        cold: { type: 'boolean', default: false },
        skew: { type: 'boolean', default: false },
        drop: { type: 'boolean', default: true },
        work: { type: 'string' },
        profile: { type: 'string' },
        json: { type: 'string' },
        svg: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return tellUsage(`${error instanceof Error ? error.message : error}\n${usage}`);
  }
}
