import { describe, expect, it } from 'vitest';
import type { Deed } from '../../../src/deed.ts';
import { problem } from '../../../src/errors.ts';
import type { Event } from '../../../src/pipeline/events.ts';
import type { Journal } from '../../../src/pipeline/journal.ts';
import { Pipeline } from '../../../src/pipeline/pipeline.ts';
import type { StepId } from '../../../src/pipeline/steps.ts';

const interrupted = problem('INTERRUPTED', { signal: 'SIGINT' });

/** A pipeline, and all that happens, as words in a row. */
function bench() {
  const happened: string[] = [];
  const events: Event[] = [];
  const interruption = new AbortController();
  const pipeline = new Pipeline({ emit: (event) => events.push(event), signal: interruption.signal });
  let next = 0;
  const journal: Journal = {
    async deed(step) {
      happened.push(`journal ${step}`);
      return next++;
    },
    async undone(id) {
      happened.push(`undone ${id}`);
    },
    async close() {},
  };
  const deed = (name: string, fails: { do?: Error; undo?: Error } = {}): Deed<string> => ({
    memo: { kind: name },
    async do() {
      happened.push(`do ${name}`);
      if (fails.do !== undefined) throw fails.do;
      return name;
    },
    async undo() {
      happened.push(`undo ${name}`);
      if (fails.undo !== undefined) throw fails.undo;
    },
  });
  return {
    pipeline,
    journal,
    deed,
    happened,
    events,
    interrupt: () => interruption.abort(interrupted),
    told: () => events.map((event) => JSON.stringify(told(event))),
  };
}

/** Without what differs from run to run. */
function told(event: Event): unknown {
  return event.type === 'step-ended' ? { ...event, seconds: 0 } : event;
}

describe('a step', () => {
  it('hands on what its work returns, and tells its begin, its progress and its end', async () => {
    const { pipeline, told } = bench();
    const value = await pipeline.step('inventory', async ({ progress, output, note }) => {
      progress({ done: 1, total: 2 });
      output('a line');
      note('first');
      note('3 tags');
      return 7;
    });
    expect(value).toBe(7);
    expect(told()).toEqual([
      '{"type":"step-started","id":"inventory"}',
      '{"type":"progress","id":"inventory","done":1,"total":2}',
      '{"type":"output","id":"inventory","line":"a line"}',
      '{"type":"step-ended","id":"inventory","outcome":"ok","seconds":0,"note":"3 tags"}',
    ]);
    expect(pipeline.records).toMatchObject([{ id: 'inventory', outcome: 'ok', note: '3 tags' }]);
  });

  it('that fails is told as failed, and its own error is thrown', async () => {
    const { pipeline } = bench();
    const error = new Error('EIO');
    await expect(pipeline.step('apply', () => Promise.reject(error))).rejects.toBe(error);
    expect(pipeline.records).toMatchObject([{ id: 'apply', outcome: 'failed', note: 'EIO' }]);
  });

  it('is not begun after an interruption', async () => {
    const { pipeline, interrupt, happened, events } = bench();
    interrupt();
    const work = async () => happened.push('begun');
    await expect(pipeline.step('stop', work)).rejects.toBe(interrupted);
    expect(happened).toEqual([]);
    expect(events).toEqual([]);
  });

  it('that is interrupted throws the interruption, whatever it made of it', async () => {
    const { pipeline, interrupt } = bench();
    const work = () => {
      interrupt();
      return Promise.reject(new Error('aborted'));
    };
    await expect(pipeline.step('collect', work)).rejects.toBe(interrupted);
    expect(pipeline.records).toMatchObject([{ id: 'collect', outcome: 'interrupted' }]);
  });

  it('that found a loss throws that, even when it was interrupted', async () => {
    const { pipeline, interrupt } = bench();
    const loss = problem('VERIFY_FAILED', { lost: ['a tag'] });
    const work = () => {
      interrupt();
      return Promise.reject(loss);
    };
    await expect(pipeline.step('verify', work)).rejects.toBe(loss);
  });

  it('that must run to its end is begun after an interruption, and not told as interrupted', async () => {
    const { pipeline, interrupt } = bench();
    interrupt();
    expect(await pipeline.lastStep('report', async () => 'written')).toBe('written');
    const error = new Error('ENOSPC');
    await expect(pipeline.lastStep('report', () => Promise.reject(error))).rejects.toBe(error);
    expect(pipeline.records).toMatchObject([{ outcome: 'ok' }, { outcome: 'failed' }]);
  });

  it('that is not needed says why', () => {
    const { pipeline } = bench();
    pipeline.skip('drain', 'the registry is not running');
    expect(pipeline.records).toEqual([
      { id: 'drain', outcome: 'skipped', seconds: 0, note: 'the registry is not running' },
    ]);
  });
});

describe('a deed', () => {
  it('is journaled before it begins', async () => {
    const { pipeline, journal, deed, happened } = bench();
    pipeline.journalTo(journal);
    expect(await pipeline.deed('stop', deed('stop'))).toBe('stop');
    expect(happened).toEqual(['journal stop', 'do stop']);
  });

  it('that cannot be journaled is not done, and there is nothing to undo', async () => {
    const { pipeline, journal, deed, happened } = bench();
    const full = new Error('ENOSPC');
    pipeline.journalTo({ ...journal, deed: () => Promise.reject(full) });
    await expect(pipeline.deed('stop', deed('stop'))).rejects.toBe(full);
    expect(await pipeline.undoAll()).toEqual([]);
    expect(happened).toEqual([]);
  });

  it('that fails half way is undone', async () => {
    const { pipeline, journal, deed, happened } = bench();
    pipeline.journalTo(journal);
    await expect(pipeline.deed('stop', deed('stop', { do: new Error('half') }))).rejects.toThrow('half');
    expect(await pipeline.undoAll()).toEqual([]);
    expect(happened).toEqual(['journal stop', 'do stop', 'undo stop', 'undone 0']);
  });

  it('is not begun when the interruption comes while it is journaled, and undone all the same', async () => {
    const { pipeline, journal, deed, happened, interrupt } = bench();
    pipeline.journalTo({
      ...journal,
      deed: async () => {
        interrupt();
        return 0;
      },
    });
    await expect(pipeline.deed('stop', deed('stop'))).rejects.toBe(interrupted);
    await pipeline.undoAll();
    expect(happened).toEqual(['undo stop', 'undone 0']);
  });
});

describe('undoing', () => {
  async function done(fails: Partial<Record<StepId, Error>> = {}) {
    const all = bench();
    all.pipeline.defer('lock', async () => {
      all.happened.push('release');
    });
    all.pipeline.journalTo(all.journal);
    for (const step of ['stop', 'readonly', 'collect'] as const)
      await all.pipeline.deed(step, all.deed(step, { undo: fails[step] }));
    all.happened.length = 0;
    all.events.length = 0;
    return all;
  }

  it('goes backwards, tells of each, and is a step of its own', async () => {
    const { pipeline, happened, told } = await done();
    expect(await pipeline.undoAll()).toEqual([]);
    expect(happened).toEqual([
      'undo collect',
      'undone 2',
      'undo readonly',
      'undone 1',
      'undo stop',
      'undone 0',
      'release',
    ]);
    expect(told().slice(0, 3)).toEqual([
      '{"type":"step-started","id":"restore"}',
      '{"type":"undo","id":"collect","outcome":"started"}',
      '{"type":"undo","id":"collect","outcome":"ok"}',
    ]);
    expect(pipeline.records).toMatchObject([{ id: 'restore', outcome: 'ok' }]);
  });

  it('is done once', async () => {
    const { pipeline, happened } = await done();
    await pipeline.undoAll();
    happened.length = 0;
    expect(await pipeline.undoAll()).toEqual([]);
    expect(happened).toEqual([]);
    expect(pipeline.records).toHaveLength(1);
  });

  it('is neither prevented nor ended by an interruption', async () => {
    const { pipeline, happened, interrupt } = await done();
    interrupt();
    expect(await pipeline.undoAll()).toEqual([]);
    expect(happened).toContain('undo stop');
    expect(pipeline.records).toMatchObject([{ outcome: 'ok' }]);
  });

  it('goes on after a failure, keeps that one open in the journal, and tells it', async () => {
    const error = new Error('litter');
    const { pipeline, happened, events } = await done({ readonly: error });
    expect(await pipeline.undoAll()).toEqual([{ step: 'readonly', error }]);
    expect(happened).toEqual([
      'undo collect',
      'undone 2',
      'undo readonly',
      'undo stop',
      'undone 0',
      'release',
    ]);
    expect(events).toContainEqual({ type: 'undo', id: 'readonly', outcome: 'failed', reason: 'litter' });
    expect(pipeline.records).toMatchObject([{ id: 'restore', outcome: 'failed' }]);
  });

  it('starts no registry beside a collector that does not end, and keeps the lock', async () => {
    const error = new Error('immortal');
    const { pipeline, happened } = await done({ collect: error });
    expect(await pipeline.undoAll()).toEqual([{ step: 'collect', error }]);
    expect(happened).toEqual(['undo collect']);
    expect(await pipeline.undoAll()).toEqual([]);
  });

  it('goes on to the end where something is left lying about, and says what', async () => {
    const { pipeline, journal, deed, happened, events } = bench();
    pipeline.journalTo(journal);
    const litter = problem('LITTER_LEFT', { path: '/tmp/x', reason: 'read-only file system' });
    await pipeline.deed('stop', deed('stop'));
    await pipeline.deed('collect', deed('collect', { undo: litter }));
    expect(await pipeline.undoAll()).toEqual([]);
    expect(happened.slice(-4)).toEqual(['undo collect', 'undone 1', 'undo stop', 'undone 0']);
    expect(events).toContainEqual({ type: 'warning', text: expect.stringContaining('/tmp/x') });
  });

  it('starts the registry although the journal has no room for what was undone, and says so', async () => {
    const { pipeline, journal, happened, events } = await done();
    pipeline.journalTo({ ...journal, undone: () => Promise.reject(new Error('ENOSPC')) });
    expect(await pipeline.undoAll()).toEqual([]);
    expect(happened).toEqual(['undo collect', 'undo readonly', 'undo stop', 'release']);
    const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.text] : []));
    expect(warnings).toHaveLength(3);
    expect(warnings[0]).toMatch(/"collect" is undone: ENOSPC/);
  });

  it('hands no signal to what undoes', async () => {
    const { pipeline, deed } = bench();
    const given: unknown[] = [];
    const undo = async (...words: unknown[]) => {
      given.push(...words);
    };
    await pipeline.deed('stop', { ...deed('stop'), undo });
    await pipeline.undoAll();
    expect(given).toEqual([]);
  });
});
