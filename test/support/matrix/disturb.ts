import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pipeline, type StepContext } from '../../../src/pipeline/pipeline.ts';
import type { StepId } from '../../../src/pipeline/steps.ts';
import { type Act, type Operation, tap } from '../operations.ts';
import { stateDirectory } from '../tree.ts';
import type { Kind, SeenOperation } from './points.ts';

/** What is done to one run. */
export interface Disturbance {
  readonly kind: Kind;
  readonly step: StepId;
  readonly at: Moment;
}

/**
 * `start`: before the step's work; `end`: after it. `inner`: at so many calls from inside of the step, of a file
 * function or to tell how far it is. `afterMs`: so long after its start. `operation`: at so many on the storage.
 */
export type Moment =
  | 'start'
  | 'end'
  | { readonly inner: number }
  | { readonly afterMs: number }
  | { readonly operation: number; readonly when: 'before' | 'after' };

/** What a step did. */
export interface Course {
  /** Calls from inside, as `inner` counts them. */
  inner: number;
  /** On the storage. */
  readonly operations: SeenOperation[];
}

export interface Watch extends Disposable {
  /** When the disturbance came to pass (`performance.now()`); undefined: it did not. */
  readonly metAt: number | undefined;
  readonly courses: Readonly<Partial<Record<StepId, Course>>>;
}

export const thrownText = 'thrown on purpose';

/** Disturbs, until disposed, the run that this process makes on the storage below `root`. */
export function disturb(root: string, disturbance: Disturbance | undefined): Watch {
  const courses: Partial<Record<StepId, Course>> = {};
  let metAt: number | undefined;
  let now: StepId | undefined;

  function act(): void {
    if (disturbance === undefined || metAt !== undefined) return;
    metAt = performance.now();
    if (disturbance.kind === 'error') throw new Error(thrownText);
    process.kill(process.pid, disturbance.kind);
  }
  /** The moment, if it belongs to the step that is under way. */
  const moment = (): Moment | undefined => (now === disturbance?.step ? disturbance?.at : undefined);

  function fromInside(): void {
    const course = now === undefined ? undefined : courses[now];
    if (course === undefined) return;
    course.inner += 1;
    const at = moment();
    if (typeof at === 'object' && 'inner' in at && at.inner === course.inner) act();
  }
  /** Several are under way at once: which one is done is not the last that began. */
  const numbers = new WeakMap<Operation, number>();
  const onStorage: Act = (operation, when) => {
    const course = now === undefined ? undefined : courses[now];
    if (course === undefined) return;
    const { call, changes } = operation;
    if (when === 'before') numbers.set(operation, course.operations.push({ call, changes }));
    const at = moment();
    if (typeof at !== 'object' || !('operation' in at) || at.when !== when) return;
    if (at.operation === numbers.get(operation)) act();
  };
  const calls = tap({ below: '/', act: (_operation, when) => when === 'before' && fromInside() });
  // Our own state is the clock's as well: the lock's heartbeat comes when it comes.
  const operations = tap({ below: root, except: [join(root, stateDirectory)], act: onStorage });

  const around =
    <T>(id: StepId, work: (context: StepContext) => Promise<T>) =>
    async (context: StepContext): Promise<T> => {
      const outer = now;
      now = id;
      courses[id] ??= { inner: 0, operations: [] };
      const at = moment();
      const timer = typeof at === 'object' && 'afterMs' in at ? setTimeout(act, at.afterMs) : undefined;
      try {
        if (at === 'start') await actAndTell(context.signal);
        const value = await work(telling(context, fromInside));
        if (at === 'end') await actAndTell(context.signal);
        return value;
      } finally {
        clearTimeout(timer);
        now = outer;
      }
    };
  /** A signal that was sent is not yet one that was received. */
  async function actAndTell(signal: AbortSignal): Promise<void> {
    act();
    for (let looks = 0; !signal.aborted && looks < 100; looks += 1) await sleep(1);
  }

  const { step, lastStep } = Pipeline.prototype;
  Pipeline.prototype.step = function (id, work) {
    return step.call(this, id, around(id, work)) as ReturnType<typeof work>;
  };
  Pipeline.prototype.lastStep = function (id, work) {
    return lastStep.call(this, id, around(id, work)) as ReturnType<typeof work>;
  };
  return {
    get metAt() {
      return metAt;
    },
    courses,
    [Symbol.dispose]() {
      Object.assign(Pipeline.prototype, { step, lastStep });
      operations[Symbol.dispose]();
      calls[Symbol.dispose]();
    },
  };
}

function telling(context: StepContext, tell: () => void): StepContext {
  return {
    ...context,
    progress(figures) {
      tell();
      context.progress(figures);
    },
    output(line) {
      tell();
      context.output(line);
    },
    note(text) {
      tell();
      context.note(text);
    },
  };
}
