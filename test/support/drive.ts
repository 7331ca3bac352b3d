import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StepId } from '../../src/pipeline/steps.ts';
import { signal } from './processes.ts';
import type { Report } from './program.ts';

/** A signal that the program sends to itself. */
export interface Sent {
  readonly step: StepId;
  /** `soon`: when the step has begun its work. `middle` may be the end of a step that is over at once. */
  readonly at: 'start' | 'soon' | 'middle';
  readonly signal: NodeJS.Signals;
}

export interface DriverTask {
  readonly configFile: string;
  /** Sent in this order, each at its moment after the one before. */
  readonly sends: readonly Sent[];
}

export interface Driven {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Undefined when it printed none. */
  readonly report: Report | undefined;
  readonly stderr: string;
}

/** Where a driven program and its children put their temporary files, and by which its children are known. */
export interface Nest extends Disposable {
  readonly path: string;
  /** Names of what is in it. */
  left(): readonly string[];
  /** The processes that work with something in it, by their arguments. Those of a failed test end with the nest. */
  inhabitants(): readonly Inhabitant[];
}

export interface Inhabitant {
  readonly pid: number;
  readonly argv: readonly string[];
}

export function nest(): Nest {
  const path = mkdtempSync(join(tmpdir(), 'registry-cleanup-nest-'));
  const inhabitants = () => processes().filter(({ argv }) => argv.some((word) => word.includes(`${path}/`)));
  return {
    path,
    left: () => readdirSync(path),
    inhabitants,
    [Symbol.dispose]() {
      for (const { pid } of inhabitants()) signal(pid, 'SIGKILL');
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** What was compiled for one driven program serves the next one: half of its start. */
const compiled = join(import.meta.dirname, '../../node_modules/.cache/driver');

/** Runs the program in a process of its own, that sends itself signals. */
export async function drive(task: DriverTask, { path }: Nest): Promise<Driven> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'driver.ts'), JSON.stringify(task)], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: path, NODE_COMPILE_CACHE: compiled },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  await once(child, 'close');
  const { exitCode, signalCode } = child;
  const report = stdout === '' ? undefined : (JSON.parse(stdout) as Report);
  return { exitCode, signal: signalCode, report, stderr };
}

function processes(): readonly Inhabitant[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const text = readFileSync(`/proc/${name}/cmdline`, 'utf8');
      return text === '' ? [] : [{ pid: Number(name), argv: text.split('\0') }];
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ESRCH') return [];
      throw error;
    }
  });
}
