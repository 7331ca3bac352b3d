import { describe, expect, it } from 'vitest';
import { problem } from '../../../../src/errors.ts';
import { createPatience } from '../../../../src/runtime/docker/patience.ts';

/* Real engines go away in e2e/engine-away: here is what would take minutes with them. */

const away = problem('ENGINE_UNREACHABLE', { engine: 'unix:///x', reason: 'ECONNREFUSED', hint: '' });

describe('an undo that does not reach the engine', () => {
  it('is done again, from its beginning, until the engine answers', async () => {
    const patiently = createPatience({ forMs: 60_000, everyMs: 1 });
    let attempts = 0;
    const undo = async (): Promise<string> => {
      if (++attempts < 5) throw away;
      return 'undone';
    };
    expect(await patiently(undo)).toBe('undone');
    expect(attempts).toBe(5);
  });

  it('is done again when what it throws only tells of that', async () => {
    const patiently = createPatience({ forMs: 60_000, everyMs: 1 });
    let attempts = 0;
    const undo = async (): Promise<void> => {
      if (++attempts === 1) throw problem('NOT_RESTORED', { reasons: [], command: 'docker start x' }, away);
    };
    await patiently(undo);
    expect(attempts).toBe(2);
  });

  it('fails with what it threw last when the engine stays away, and those after it are tried once', async () => {
    const patiently = createPatience({ forMs: 30, everyMs: 1 });
    let attempts = 0;
    const undo = async (): Promise<void> => {
      attempts++;
      throw away;
    };
    await expect(patiently(undo)).rejects.toBe(away);
    expect(attempts).toBeGreaterThan(1);
    attempts = 0;
    await expect(patiently(undo)).rejects.toBe(away);
    expect(attempts).toBe(1);
  });

  it('has all the time again after the engine was there', async () => {
    const patiently = createPatience({ forMs: 30, everyMs: 1 });
    const fails = async (): Promise<void> => {
      throw away;
    };
    await expect(patiently(fails)).rejects.toBe(away);
    await patiently(async () => {});
    let attempts = 0;
    await patiently(async () => {
      if (++attempts < 3) throw away;
    });
    expect(attempts).toBe(3);
  });
});

it('an undo that the engine refuses is not repeated', async () => {
  const patiently = createPatience({ forMs: 60_000, everyMs: 1 });
  const refused = problem('ENGINE_ANSWERED', {
    method: 'POST',
    path: '/x',
    status: 500,
    reason: 'no such image',
  });
  let attempts = 0;
  const undo = async (): Promise<void> => {
    attempts++;
    throw refused;
  };
  await expect(patiently(undo)).rejects.toBe(refused);
  expect(attempts).toBe(1);
});
