import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Event } from '../../../src/pipeline/events.ts';
import { openView } from '../../../src/view/open-view.ts';
import { type FakeTerminal, fakeTerminal } from './fake-terminal.ts';

function open(terminal: FakeTerminal, color = false) {
  const view = openView({ mode: 'terminal', stream: terminal, color, env: {} });
  return {
    emit: (...events: Event[]) => {
      for (const event of events) view.emit(event);
    },
    close: () => view.close(),
  };
}

const shown = { timeout: 5_000, interval: 20 };

describe('in a terminal', () => {
  test('leaves a row per step, times at the right, and what was printed before', async () => {
    const terminal = fakeTerminal(60);
    terminal.write('printed before\n');
    const { emit, close } = open(terminal);
    emit(
      { type: 'step-started', id: 'lock' },
      { type: 'step-ended', id: 'lock', outcome: 'ok', seconds: 0.1 },
      { type: 'step-started', id: 'plan' },
      { type: 'step-ended', id: 'plan', outcome: 'ok', seconds: 1.26, note: '25 manifests' },
      { type: 'step-started', id: 'drain' },
      { type: 'step-ended', id: 'drain', outcome: 'skipped', seconds: 0, note: 'no uploads' },
      { type: 'step-started', id: 'inventory' },
      {
        type: 'step-ended',
        id: 'inventory',
        outcome: 'ok',
        seconds: 200,
        note: '120 repositories, 4,300 tags, 30,000 manifests, 151,000 blobs',
      },
    );
    await close();
    expect(terminal.lines).toEqual([
      'printed before',
      '✔ Taking the lock                                    0.1 s',
      '✔ Deciding what goes and what stays · 25 manifests   1.3 s',
      '↓ Waiting for uploads in flight · no uploads',
      '✔ Reading repositories, tags, manifests and     3 min 20 s',
      '  blobs',
      '  120 repositories, 4,300 tags, 30,000 manifests,',
      '  151,000 blobs',
    ]);
  });

  test('shows the progress of the running step, and takes it away when the step ends', async () => {
    const terminal = fakeTerminal();
    const { emit, close } = open(terminal);
    emit({ type: 'step-started', id: 'inventory' });
    emit({
      type: 'progress',
      id: 'inventory',
      done: 12_340,
      total: 30_000,
      text: 'manifests',
      bytes: 2 ** 30,
    });
    await expect
      .poll(() => terminal.lines.at(-1), shown)
      .toBe('  › 12,340 of 30,000 manifests (41 %), 1 GiB');
    expect(terminal.lines.at(-2)).toMatch(/^. Reading repositories, tags, manifests and blobs/);
    emit({ type: 'step-ended', id: 'inventory', outcome: 'ok', seconds: 1 });
    await close();
    expect(terminal.lines).toEqual([expect.stringMatching(/^✔ Reading .* 1\.0 s$/)]);
  });

  test('draws which step failed, which was interrupted, and what was undone', async () => {
    const terminal = fakeTerminal(70);
    const { emit, close } = open(terminal);
    emit(
      { type: 'step-started', id: 'collect' },
      { type: 'step-ended', id: 'collect', outcome: 'failed', seconds: 3, note: 'it exited with 1' },
      { type: 'step-started', id: 'apply' },
      { type: 'step-ended', id: 'apply', outcome: 'interrupted', seconds: 3 },
      { type: 'step-started', id: 'restore' },
      { type: 'undo', id: 'readonly', outcome: 'started' },
      { type: 'undo', id: 'readonly', outcome: 'ok' },
      { type: 'undo', id: 'stop', outcome: 'started' },
      { type: 'undo', id: 'stop', outcome: 'failed', reason: 'no such unit' },
      { type: 'step-ended', id: 'restore', outcome: 'failed', seconds: 2 },
    );
    await close();
    expect(terminal.lines).toEqual([
      '✖ Collecting blobs · failed · it exited with 1                 3.0 s',
      '⊘ Removing manifests and layer links · interrupted             3.0 s',
      '✖ Bringing the registry back · failed                          2.0 s',
      '  ✔ Removing the read-only stand-in',
      '  ✖ Starting the live registry again: no such unit',
    ]);
  });

  test('shows warnings where they come, the sixth and later ones of a step as a count', async () => {
    const terminal = fakeTerminal(60);
    const { emit, close } = open(terminal);
    emit({ type: 'warning', text: 'before any step' }, { type: 'step-started', id: 'plan' });
    for (let i = 1; i <= 7; i++) emit({ type: 'warning', text: `warning ${i}` });
    emit({ type: 'step-ended', id: 'plan', outcome: 'ok', seconds: 0 });
    await close();
    expect(terminal.lines).toEqual([
      '⚠ before any step',
      '✔ Deciding what goes and what stays                  0.0 s',
      '  ⚠ warning 1',
      '  ⚠ warning 2',
      '  ⚠ warning 3',
      '  ⚠ warning 4',
      '  ⚠ warning 5',
      '  ⚠ and 2 more',
    ]);
  });

  test('sends no control character but its own, and is never wider than the terminal', async () => {
    const hostile = `evil\x1b[2J\r\n\x07\u202e\u200b${'日本語'.repeat(30)} %s %d`;
    for (const columns of [20, 33, 80]) {
      const terminal = fakeTerminal(columns);
      const { emit, close } = open(terminal, true);
      emit({ type: 'step-started', id: 'stop' }, { type: 'warning', text: hostile });
      emit({ type: 'output', id: 'stop', line: hostile });
      await expect.poll(() => terminal.sent, shown).toContain('›');
      emit({ type: 'undo', id: 'stop', outcome: 'failed', reason: hostile });
      emit({ type: 'step-ended', id: 'stop', outcome: 'failed', seconds: 1, note: hostile });
      await close();
      const text = terminal.lines.join('').replaceAll(/[\s✖⚠]/g, '');
      expect(text).toContain('evil\\x1b[2J\\r\\n\\x07\\u202e\\u200b');
      expect(text).toContain('%s%d');
    }
  });

  test('hides the cursor while it draws and gives it back', async () => {
    const terminal = fakeTerminal();
    const listeners = process.listenerCount('exit');
    const { emit, close } = open(terminal);
    emit({ type: 'step-started', id: 'collect' });
    await expect.poll(() => terminal.cursorShown, shown).toBe(false);
    expect(process.listenerCount('exit')).toBeGreaterThan(listeners);
    await close();
    expect(terminal.cursorShown).toBe(true);
    expect(process.listenerCount('exit')).toBeLessThanOrEqual(listeners);
  });

  test('gives the cursor back when the process ends in the middle', async () => {
    const terminal = fakeTerminal();
    const before = new Set(process.listeners('exit'));
    const { emit, close } = open(terminal);
    emit({ type: 'step-started', id: 'collect' });
    await expect.poll(() => terminal.cursorShown, shown).toBe(false);
    for (const listener of process.listeners('exit')) if (!before.has(listener)) listener(1);
    expect(terminal.cursorShown).toBe(true);
    await close();
  });

  test('a step that never ended is drawn as interrupted when it is closed, and nothing later is', async () => {
    const terminal = fakeTerminal();
    const { emit, close } = open(terminal);
    emit({ type: 'step-started', id: 'collect' });
    await close();
    await close();
    const { sent } = terminal;
    emit({ type: 'warning', text: 'late' }, { type: 'step-started', id: 'verify' });
    await sleep(250);
    expect(terminal.sent).toBe(sent);
    expect(terminal.lines).toEqual([expect.stringMatching(/^⊘ Collecting blobs · interrupted /)]);
  });

  test('leaves the signals of the process and its streams to others', async () => {
    const write = process.stdout.write;
    const terminal = fakeTerminal();
    const { emit, close } = open(terminal);
    const interrupts = process.listenerCount('SIGINT');
    emit({ type: 'step-started', id: 'collect' });
    await expect.poll(() => terminal.sent, shown).not.toBe('');
    expect(process.listenerCount('SIGINT')).toBe(interrupts);
    expect(process.stdout.write).toBe(write);
    await close();
  });

  test('a terminal that is closed ends the drawing and nothing else', async () => {
    const terminal = fakeTerminal();
    const { emit, close } = open(terminal);
    emit({ type: 'step-started', id: 'collect' });
    await expect.poll(() => terminal.sent, shown).not.toBe('');
    terminal.fail(new Error('write EIO'));
    const { sent } = terminal;
    emit({ type: 'step-ended', id: 'collect', outcome: 'ok', seconds: 1 });
    await close();
    expect(terminal.sent).toBe(sent);
  });

  test('draws as wide as the terminal is now', async () => {
    const terminal = fakeTerminal(80);
    const { emit, close } = open(terminal);
    emit({ type: 'step-started', id: 'lock' }, { type: 'step-ended', id: 'lock', outcome: 'ok', seconds: 0 });
    emit({ type: 'step-started', id: 'collect' });
    await expect.poll(() => terminal.lines.at(-1), shown).toContain('Collecting');
    terminal.columns = 40;
    emit({ type: 'step-ended', id: 'collect', outcome: 'ok', seconds: 0 });
    await close();
    expect(terminal.lines.map((line) => line.length)).toEqual([78, 38]);
  });
});

test('auto mode draws on a terminal, and not on one of a build server', async () => {
  for (const [env, row] of [
    [{ TERM: 'xterm' }, /^✔ Taking the lock/],
    [{ TERM: 'xterm', CI: 'true' }, /^\[lock\]/],
  ] as const) {
    const terminal = fakeTerminal();
    const view = openView({ mode: 'auto', stream: terminal, color: false, env });
    view.emit({ type: 'step-started', id: 'lock' });
    view.emit({ type: 'step-ended', id: 'lock', outcome: 'ok', seconds: 0 });
    await view.close();
    expect(terminal.lines[0]).toMatch(row);
  }
});
