import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Event } from '../../../src/pipeline/events.ts';
import { openView } from '../../../src/view/open-view.ts';
import type { View } from '../../../src/view/view.ts';
import { fakeTerminal } from './fake-terminal.ts';

let written: string;
let view: View;
const pipe = {
  write(text: string) {
    written += text;
    return true;
  },
  on() {},
};

beforeEach(() => {
  vi.useFakeTimers();
  open({});
});

afterEach(() => {
  vi.useRealTimers();
});

function open(env: Record<string, string>, mode: 'auto' | 'lines' = 'auto'): void {
  written = '';
  view = openView({ mode, stream: pipe, env });
}

function emit(...events: Event[]): void {
  for (const event of events) view.emit(event);
}

function taken(): string[] {
  const lines = written.split('\n');
  written = '';
  expect(lines.pop()).toBe('');
  return lines;
}

describe('without a terminal', () => {
  test('tells start and end of each step in a line, with its time and what came of it', () => {
    emit(
      { type: 'step-started', id: 'lock' },
      { type: 'step-ended', id: 'lock', outcome: 'ok', seconds: 0.12 },
      { type: 'step-started', id: 'plan' },
      { type: 'step-ended', id: 'plan', outcome: 'ok', seconds: 61, note: '25 manifests' },
      { type: 'step-started', id: 'drain' },
      { type: 'step-ended', id: 'drain', outcome: 'skipped', seconds: 0, note: 'no uploads' },
    );
    expect(taken()).toEqual([
      '[lock] Taking the lock',
      '[lock] ok in 0.1 s',
      '[plan] Deciding what goes and what stays',
      '[plan] ok in 1 min 1 s: 25 manifests',
      '[drain] Waiting for uploads in flight',
      '[drain] skipped: no uploads',
    ]);
  });

  test('tells which step failed or was interrupted, and what is undone', () => {
    emit(
      { type: 'step-started', id: 'collect' },
      { type: 'step-ended', id: 'collect', outcome: 'failed', seconds: 3, note: 'it exited with 1' },
      { type: 'step-started', id: 'apply' },
      { type: 'step-ended', id: 'apply', outcome: 'interrupted', seconds: 3 },
      { type: 'undo', id: 'readonly', outcome: 'started' },
      { type: 'undo', id: 'readonly', outcome: 'ok' },
      { type: 'undo', id: 'stop', outcome: 'started' },
      { type: 'undo', id: 'stop', outcome: 'failed', reason: 'no such unit' },
      { type: 'warning', text: 'disk nearly full' },
    );
    expect(taken()).toEqual([
      '[collect] Collecting blobs',
      '[collect] FAILED after 3.0 s: it exited with 1',
      '[apply] Removing manifests and layer links',
      '[apply] INTERRUPTED after 3.0 s',
      '[restore] | Removing the read-only stand-in',
      '[restore] | Starting the live registry again',
      '[restore] | FAILED: no such unit',
      'warning: disk nearly full',
    ]);
  });

  test('tells progress now and then, however often it comes', () => {
    emit({ type: 'step-started', id: 'inventory' });
    for (let done = 1; done <= 2400; done++) {
      vi.advanceTimersByTime(10);
      emit({ type: 'progress', id: 'inventory', done, total: 2400, text: 'manifests' });
    }
    expect(taken()).toEqual([
      '[inventory] Reading repositories, tags, manifests and blobs',
      '[inventory] 500 of 2,400 manifests (20 %)',
      '[inventory] 1,000 of 2,400 manifests (41 %)',
      '[inventory] 1,500 of 2,400 manifests (62 %)',
      '[inventory] 2,000 of 2,400 manifests (83 %)',
    ]);
  });

  test('tells progress more rarely in a long step, but not rarer than a heartbeat', () => {
    emit({ type: 'step-started', id: 'collect' });
    for (let second = 1; second <= 3600; second++) {
      vi.advanceTimersByTime(1000);
      emit({ type: 'progress', id: 'collect', done: second, text: 'manifests marked' });
    }
    const lines = taken();
    expect(lines.length).toBeGreaterThan(120);
    expect(lines.length).toBeLessThan(160);
  });

  test('gives a sign of life in a step that tells nothing, with what is known last', () => {
    emit({ type: 'step-started', id: 'drain' });
    vi.advanceTimersByTime(10_000);
    emit({ type: 'progress', id: 'drain', text: '2 uploads in flight' });
    vi.advanceTimersByTime(29_000);
    expect(taken()).toEqual(['[drain] Waiting for uploads in flight', '[drain] 2 uploads in flight']);
    vi.advanceTimersByTime(31_000);
    expect(taken()).toEqual([
      '[drain] still running after 40 s: 2 uploads in flight',
      '[drain] still running after 1 min 10 s: 2 uploads in flight',
    ]);
    emit({ type: 'step-ended', id: 'drain', outcome: 'ok', seconds: 70 });
    taken();
    vi.advanceTimersByTime(100_000);
    expect(taken()).toEqual([]);
  });

  test("shows the collector's summary and what nobody expected, not its thousands of usual lines", () => {
    const digest = `sha256:${'ab'.repeat(32)}`;
    emit({ type: 'step-started', id: 'collect' });
    for (const line of [
      'noise',
      `noise: marking manifest ${digest} `,
      `noise: marking blob ${digest}`,
      `blob eligible for deletion: ${digest}`,
      '3 blobs marked, 2 blobs and 1 manifests eligible for deletion',
      'something \x1b[31mnew',
    ]) {
      emit({ type: 'output', id: 'collect', line });
    }
    expect(taken()).toEqual([
      '[collect] Collecting blobs',
      '[collect] | 3 blobs marked, 2 blobs and 1 manifests eligible for deletion',
      '[collect] | something \\x1b[31mnew',
    ]);
  });

  test('counts the lines of a talkative program from the 51st on', () => {
    emit({ type: 'step-started', id: 'stop' });
    for (let line = 1; line <= 1050; line++) emit({ type: 'output', id: 'stop', line: `Line ${line}.` });
    emit({ type: 'step-ended', id: 'stop', outcome: 'ok', seconds: 1 });
    const lines = taken();
    expect(lines).toHaveLength(1 + 50 + 1 + 1);
    expect(lines.at(-2)).toBe('[stop] | and 1,000 more lines');
  });

  test('lets no text break out of its line', () => {
    const hostile = 'a\nb\r\x1b[2J\x9b\u202e\u200b';
    emit(
      { type: 'warning', text: hostile },
      { type: 'step-ended', id: 'plan', outcome: 'ok', seconds: 1, note: hostile },
      { type: 'output', id: 'stop', line: hostile },
      { type: 'undo', id: 'stop', outcome: 'failed', reason: hostile },
      { type: 'step-started', id: 'apply' },
      { type: 'progress', id: 'apply', text: hostile },
    );
    vi.advanceTimersByTime(30_000);
    const lines = taken();
    expect(lines).toHaveLength(6);
    for (const line of lines.filter((_, index) => index !== 4)) {
      expect(line).toMatch(/a\\nb\\r\\x1b\[2J\\x9b\\u202e\\u200b$/);
    }
  });

  test('takes secrets out of every text', () => {
    view = openView({
      mode: 'lines',
      stream: pipe,
      env: {},
      mask: (text) => text.replaceAll('hunter2', '***'),
    });
    emit({ type: 'warning', text: 'hunter2' }, { type: 'output', id: 'stop', line: 'hunter2' });
    expect(taken()).toEqual(['warning: ***', '[stop] | ***']);
  });

  test('prints nothing after it was closed', async () => {
    emit({ type: 'step-started', id: 'collect' });
    await view.close();
    await view.close();
    taken();
    emit({ type: 'warning', text: 'late' }, { type: 'step-ended', id: 'collect', outcome: 'ok', seconds: 1 });
    vi.advanceTimersByTime(100_000);
    expect(written).toBe('');
  });

  test('colours only when it is told to', () => {
    emit({ type: 'warning', text: 'plain' });
    expect(written).not.toContain('\x1b');
    open({ FORCE_COLOR: '1' });
    emit({ type: 'warning', text: 'plain' });
    expect(written).toBe('\x1b[33mwarning: plain\x1b[39m\n');
  });
});

test('draws lines on a dumb terminal, no wider than it is', () => {
  const terminal = fakeTerminal(40);
  view = openView({ mode: 'auto', stream: terminal, env: { TERM: 'dumb' } });
  emit({ type: 'step-started', id: 'inventory' });
  emit({ type: 'warning', text: `${'x'.repeat(100)} and more` });
  expect(terminal.sent).not.toContain('\x1b');
  expect(terminal.lines).toEqual([
    '[inventory] Reading repositories, tags,',
    '  manifests and blobs',
    `warning: ${'x'.repeat(31)}`,
    `  ${'x'.repeat(38)}`,
    `  ${'x'.repeat(31)} and`,
    '  more',
  ]);
});

test('a reader that goes away ends the telling and nothing else', () => {
  const terminal = fakeTerminal();
  view = openView({ mode: 'lines', stream: terminal, env: {} });
  emit({ type: 'warning', text: 'heard' });
  terminal.fail(new Error('write EPIPE'));
  emit({ type: 'warning', text: 'unheard' });
  expect(terminal.lines).toEqual(['warning: heard']);
});

test('silent mode says nothing', async () => {
  const terminal = fakeTerminal();
  view = openView({ mode: 'silent', stream: terminal, env: {} });
  emit({ type: 'warning', text: 'unheard' });
  await view.close();
  expect(terminal.sent).toBe('');
});
