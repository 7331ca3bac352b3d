import { describe, expect, it } from 'vitest';
import { unlessTakenOver, watch, whileClosed } from '../../../src/apply/watch.ts';
import type { Deed } from '../../../src/deed.ts';
import { problem } from '../../../src/errors.ts';
import type { Held } from '../../../src/pipeline/lock.ts';
import type { Fence } from '../../../src/runtime/runtime.ts';

const memo = { kind: 'test' };

/** A fence that is broken from the nth look on. */
function fence(
  brokenFrom: number,
  tells: { broken?: AbortSignal; unsure?: boolean } = {},
): Fence & { readonly looks: number } {
  const never: Deed = { memo, do: async () => {}, undo: async () => {} };
  let looks = 0;
  return {
    stop: never,
    readonly: never,
    prepare: undefined,
    overlaps: false,
    direct: false,
    reachStandIn: async () => ({ url: '' }),
    broken: tells.broken,
    unsure: tells.unsure ?? false,
    byHand: '',
    window: () => ({ readOnlySeconds: 0, unavailableSeconds: 0 }),
    get looks() {
      return looks;
    },
    settle: async () => {},
    breach: async () => (++looks < brokenFrom ? undefined : 'somebody writes'),
  };
}

function held(options: { lost?: boolean; takenOver?: boolean } = {}): Held {
  const lock = {
    run: 'one',
    takenAt: 0,
    async check() {
      if (options.lost) throw problem('LOCK_LOST', { path: '/lock' });
    },
    takenOver: async () => options.takenOver ?? false,
    release: async () => {},
  };
  return lock as typeof lock & Held;
}

/** Ends when it is told to, or with `value` after some time. */
function lasting(ms: number): Deed<string> & { readonly undone: number } {
  let undone = 0;
  return {
    memo,
    get undone() {
      return undone;
    },
    do: (signal) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, ms, 'done');
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          reject(signal.reason);
        });
      }),
    async undo() {
      undone += 1;
    },
  };
}

const quiet = new AbortController().signal;

describe.concurrent('a deed done while the registry must stay closed', () => {
  it('is done, and looked after no longer', async () => {
    const closed = fence(Number.POSITIVE_INFINITY);
    expect(await whileClosed(lasting(1_300), closed, held()).do(quiet)).toBe('done');
    const { looks } = closed;
    expect(looks).toBe(1);
    await new Promise((next) => setTimeout(next, 1_300));
    expect(closed.looks).toBe(looks);
  });

  it('is ended when somebody can write', async () => {
    const deed = whileClosed(lasting(60_000), fence(1), held());
    await expect(deed.do(quiet)).rejects.toMatchObject({ code: 'FENCE_FAILED' });
  });

  it('is ended when the lock is lost', async () => {
    const deed = whileClosed(lasting(60_000), fence(Number.POSITIVE_INFINITY), held({ lost: true }));
    await expect(deed.do(quiet)).rejects.toMatchObject({ code: 'LOCK_LOST' });
  });

  it('is not begun once the lock is lost', async () => {
    let begun = false;
    const beginning = {
      ...lasting(0),
      do: async () => {
        begun = true;
      },
    };
    const deed = whileClosed(beginning, fence(Number.POSITIVE_INFINITY), held({ lost: true }));
    await expect(deed.do(quiet)).rejects.toMatchObject({ code: 'LOCK_LOST' });
    expect(begun).toBe(false);
  });

  it('is ended soon after the lock was lost, and before the fence is looked at: another run may be at work', async () => {
    const options = { lost: false };
    const closed = fence(1);
    setTimeout(() => {
      options.lost = true;
    }, 50);
    const deed = whileClosed(lasting(60_000), closed, held(options));
    await expect(deed.do(quiet)).rejects.toMatchObject({ code: 'LOCK_LOST' });
    expect(closed.looks).toBe(0);
  });

  it('does not count when the lock was lost while it was done: whoever has it may have ended it', async () => {
    const options = { lost: false };
    const ended: Deed<string> = {
      ...lasting(0),
      do: async () => {
        options.lost = true;
        return 'killed';
      },
    };
    const deed = whileClosed(ended, fence(Number.POSITIVE_INFINITY), held(options));
    await expect(deed.do(quiet)).rejects.toMatchObject({ code: 'LOCK_LOST' });
  });

  it('is not undone once another run has taken over', async () => {
    const deed = lasting(0);
    await whileClosed(deed, fence(1), held({ takenOver: true })).undo();
    expect(deed.undone).toBe(0);
  });

  it('is interrupted like any other', async () => {
    const interruption = new AbortController();
    const reason = problem('INTERRUPTED', { signal: 'SIGINT' });
    setTimeout(() => interruption.abort(reason), 50);
    const deed = whileClosed(lasting(60_000), fence(Number.POSITIVE_INFINITY), held());
    await expect(deed.do(interruption.signal)).rejects.toBe(reason);
  });

  it('throws its own error, and keeps its memo and its undo', async () => {
    const error = new Error('exec');
    const failing = { ...lasting(0), do: () => Promise.reject(error) };
    await expect(whileClosed(failing, fence(1), held()).do(quiet)).rejects.toBe(error);
    const deed = lasting(0);
    const closed = whileClosed(deed, fence(1), held());
    await closed.undo();
    expect([closed.memo, deed.undone]).toEqual([memo, 1]);
  });
});

it('a look before every batch is one a second', async () => {
  const closed = fence(2);
  const { glance } = watch(closed);
  for (let batch = 0; batch < 100; batch++) await glance();
  expect(closed.looks).toBe(1);
  await new Promise((next) => setTimeout(next, 1_100));
  await expect(glance()).rejects.toMatchObject({ code: 'FENCE_FAILED' });
});

it('a look that was asked for is the look of that second', async () => {
  const closed = fence(Number.POSITIVE_INFINITY);
  const { look, glance } = watch(closed);
  await look();
  await glance();
  expect(closed.looks).toBe(1);
  await look();
  expect(closed.looks).toBe(2);
});

it('nobody passes while it is looked at, nor after it was found broken', async () => {
  const closed = fence(1);
  const slow = Promise.withResolvers<void>();
  const { glance } = watch({
    ...closed,
    breach: async () => {
      await slow.promise;
      return closed.breach();
    },
  });
  const asked = [glance(), glance(), glance()];
  slow.resolve();
  const answers = await Promise.allSettled(asked);
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  await expect(glance()).rejects.toMatchObject({ code: 'FENCE_FAILED' });
  expect(closed.looks).toBe(1);
});

describe('a fence that tells by itself', () => {
  const soon = (): AbortSignal => {
    const broken = new AbortController();
    setTimeout(() => broken.abort('the live registry was started'), 100);
    return broken.signal;
  };

  it('ends what is under way before anybody looks', async () => {
    const closed = fence(Number.POSITIVE_INFINITY, { broken: soon() });
    await expect(whileClosed(lasting(60_000), closed, held()).do(quiet)).rejects.toMatchObject({
      code: 'FENCE_FAILED',
      message: expect.stringContaining('the live registry was started'),
    });
    expect(closed.looks).toBe(0);
  });

  it('lets nothing begin once it has told', async () => {
    const broken = AbortSignal.abort('the live registry was started');
    const closed = fence(Number.POSITIVE_INFINITY, { broken });
    await expect(whileClosed(lasting(60_000), closed, held()).do(quiet)).rejects.toMatchObject({
      code: 'FENCE_FAILED',
    });
  });

  it('is heeded between two looks', async () => {
    const closed = fence(Number.POSITIVE_INFINITY, { broken: soon() });
    const { glance } = watch(closed);
    await glance();
    await new Promise((next) => setTimeout(next, 200));
    await expect(glance()).rejects.toMatchObject({ code: 'FENCE_FAILED' });
    expect(closed.looks).toBe(1);
  });

  it('is looked at before every batch when it is not sure', async () => {
    const closed = fence(3, { unsure: true });
    const { glance } = watch(closed);
    await glance();
    await glance();
    await expect(glance()).rejects.toMatchObject({ code: 'FENCE_FAILED' });
  });
});

describe('once another run has taken over', () => {
  it('a deed is left to that one', async () => {
    const deed = lasting(0);
    const mine = unlessTakenOver(deed, held({ takenOver: true }));
    expect(await mine.do(quiet)).toBe('done');
    await mine.undo();
    expect(deed.undone).toBe(0);
  });

  it('not before', async () => {
    const deed = lasting(0);
    await unlessTakenOver(deed, held()).undo();
    expect(deed.undone).toBe(1);
  });
});
