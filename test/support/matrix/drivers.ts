import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { StepId } from '../../../src/pipeline/steps.ts';
import type { Nest } from '../drive.ts';
import type { Report } from '../program.ts';
import type { Course, Disturbance } from './disturb.ts';

export type Task =
  | {
      readonly verb: 'run';
      readonly configFile: string;
      /** Of the storage, as `Disturbance` counts operations. */
      readonly root: string;
      readonly disturbance?: Disturbance;
    }
  | { readonly verb: 'recover'; readonly configFile: string };

/** Of a run: its document, or what it threw. */
export interface RunReply {
  readonly report: Report | undefined;
  readonly thrown: string | undefined;
  /** From the disturbance to the end of the run, s. Undefined: it did not come to pass. */
  readonly afterwards: number | undefined;
  readonly courses: Readonly<Partial<Record<StepId, Course>>>;
}

/** What `recover --json` prints, as far as anybody looks. */
export interface RecoverReport {
  readonly outcome: string;
  readonly exitCode: number;
  readonly recovered: readonly { readonly step: StepId; readonly what: string }[];
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly details: readonly string[];
  } | null;
}

export type Reply = RunReply | { readonly recovered: RecoverReport };

export type Ran = RunReply | { readonly killedBy: NodeJS.Signals };

/** Processes that run the program, one after the other: who was killed has a successor, who was not goes on. */
export interface Drivers extends AsyncDisposable {
  run(task: Omit<Extract<Task, { verb: 'run' }>, 'verb'>): Promise<Ran>;
  recover(configFile: string): Promise<RecoverReport>;
}

const program = join(import.meta.dirname, '../matrix-driver.ts');
/** What was compiled for one process serves the next one: half of its start. */
const compiled = join(import.meta.dirname, '../../../node_modules/.cache/driver');

export function openDrivers({ path }: Nest): Drivers {
  let current = start(path);
  let next = start(path);
  async function tell(task: Task): Promise<Reply | { killedBy: NodeJS.Signals }> {
    const { child, ready, stderr } = current;
    await ready;
    const end = new AbortController();
    const { signal } = end;
    const reply = once(child, 'message', { signal }).then(([message]) => message as Reply);
    const exit = once(child, 'close', { signal }).then(([code, killedBy]) => {
      current = next;
      next = start(path);
      if (killedBy === null) throw new Error(`the driver exited with ${code}: ${stderr()}`);
      return { killedBy: killedBy as NodeJS.Signals };
    });
    for (const one of [reply, exit]) one.catch(() => undefined);
    child.send(task);
    try {
      return await Promise.race([reply, exit]);
    } finally {
      end.abort();
    }
  }
  return {
    async run(task) {
      const reply = await tell({ verb: 'run', ...task });
      if ('recovered' in reply) throw new Error('the driver was told to run, and recovered');
      return reply;
    },
    async recover(configFile) {
      const reply = await tell({ verb: 'recover', configFile });
      if (!('recovered' in reply)) throw new Error(`the driver did not recover: ${JSON.stringify(reply)}`);
      return reply.recovered;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([current, next].map(end));
    },
  };
}

interface Driver {
  readonly child: ChildProcess;
  readonly ready: Promise<unknown>;
  readonly stderr: () => string;
}

function start(path: string): Driver {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: path, NODE_COMPILE_CACHE: compiled };
  const child = fork(program, { env, execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  const ready = Promise.race([
    once(child, 'message'),
    once(child, 'close').then(() => Promise.reject(new Error(`the driver did not start: ${text}`))),
  ]);
  ready.catch(() => undefined);
  return { child, ready, stderr: () => text };
}

async function end({ child }: Driver): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}
