import { existsSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, release, totalmem } from 'node:os';
import type { SizeName, TreeCounts } from '../tree/shape.ts';

/** What was measured of one contender: a figure a round. */
export interface Row {
  /** Its contender's; with " cold" behind it, its caches were empty. */
  readonly id: string;
  readonly title: string;
  /** Seconds that count, by the clock: of what the title says, without the start of our processes. */
  readonly seconds: number[];
  /** Seconds by the clock of the whole process. */
  readonly wall: number[];
  readonly cpu: number[];
  /** Bytes. */
  readonly peak: number[];
  /** Seconds of its parts, by name. */
  readonly parts: Record<string, number[]>;
}

export interface SizeResult {
  readonly size: SizeName;
  readonly date: string;
  readonly rounds: number;
  readonly counts: TreeCounts;
  /** Of the tree with 1 % of garbage, on which the time behind closed doors is measured. */
  readonly closedCounts: TreeCounts;
  readonly registries: readonly string[];
  readonly rows: readonly Row[];
}

export interface Result {
  readonly version: 1;
  readonly machine: Machine;
  readonly sizes: Partial<Record<SizeName, SizeResult>>;
}

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  /** Bytes. */
  readonly memory: number;
  readonly kernel: string;
  readonly node: string;
  readonly filesystem: string;
}

/** The machine that this runs on, and the file system that `directory` is on. */
export function machineOf(directory: string): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? arch(),
    cores: availableParallelism(),
    memory: totalmem(),
    kernel: `Linux ${release()}`,
    node: process.version,
    filesystem: filesystemOf(directory),
  };
}

const filesystems: Readonly<Record<number, string>> = {
  61267: 'ext4',
  16914836: 'tmpfs',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  2035054128: 'overlayfs',
};

function filesystemOf(directory: string): string {
  const { type } = statfsSync(directory);
  return filesystems[type] ?? `0x${type.toString(16)}`;
}

/** What `file` says, if it is there. */
export function readResult(file: string): Result | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Result) : undefined;
}

/** Puts `measured` beside what `file` says of other sizes. Figures of another machine go. */
export function writeResult(file: string, machine: Machine, measured: SizeResult): Result {
  const before = readResult(file);
  const same = before !== undefined && JSON.stringify(before.machine) === JSON.stringify(machine);
  const result: Result = {
    version: 1,
    machine,
    sizes: { ...(same ? before.sizes : {}), [measured.size]: measured },
  };
  writeFileSync(file, `${JSON.stringify(result, null, 1)}\n`);
  return result;
}
