import type { Event } from '../pipeline/events.ts';
import type { Palette } from '../screen.ts';
import type { Outlet } from './outlet.ts';
import { type Row, type RowOutcome, rowOf } from './row.ts';
import type { View } from './view.ts';
import { progressText, titleOf, undoTitleOf } from './words.ts';

const showCursor = '\x1b[?25h';

/**
 * One row per step, drawn one after the other: what has ended scrolls away like any text and is never drawn again. The
 * running one shows its progress below. listr2 draws, and is loaded by the first row.
 */
export function openTerminal(outlet: Outlet, paint: Palette): View {
  let live: Row | undefined;
  let drawn: Promise<void> | undefined;
  let closed = false;
  // Whoever ends the process in the middle of a row must not leave a terminal without cursor behind.
  const giveBack = (): void => outlet.write(showCursor);

  function begin(title: string): Row {
    if (live !== undefined) abandon(live);
    const row = rowOf(title);
    if (drawn === undefined) process.on('exit', giveBack);
    drawn = (drawn ?? Promise.resolve()).then(async () => {
      const { drawRow } = await import('./draw-row.ts');
      await drawRow(row, outlet, paint);
    });
    // close() tells it: a drawing that fails must not end the run.
    drawn.catch(() => {});
    live = row;
    return row;
  }

  function finish(row: Row, outcome: RowOutcome, seconds: number, note = ''): void {
    row.finish({ outcome, seconds, note });
    if (live === row) live = undefined;
  }

  function abandon(row: Row): void {
    finish(row, 'interrupted', (performance.now() - row.since) / 1000);
  }

  function undo({ id, outcome, reason }: Extract<Event, { type: 'undo' }>): void {
    const title = undoTitleOf(id);
    const row = live ?? begin(titleOf('restore'));
    row.progress = outcome === 'started' ? title : '';
    if (outcome === 'ok') row.remarks.push({ text: title, tone: 'good' });
    if (outcome === 'failed') row.remarks.push({ text: `${title}: ${reason ?? 'failed'}`, tone: 'bad' });
  }

  return {
    emit(event) {
      if (closed) return;
      switch (event.type) {
        case 'step-started':
          begin(titleOf(event.id));
          return;
        case 'step-ended':
          return finish(live ?? begin(titleOf(event.id)), event.outcome, event.seconds, event.note);
        case 'progress':
          if (live !== undefined) live.progress = progressText(event);
          return;
        case 'output':
          if (live !== undefined) live.progress = event.line;
          return;
        case 'warning':
          if (live === undefined) finish(begin(event.text), 'warning', 0);
          else live.remarks.push({ text: event.text, tone: 'warning' });
          return;
        case 'undo':
          return undo(event);
      }
    },
    async close() {
      closed = true;
      if (live !== undefined) abandon(live);
      await drawn;
      process.off('exit', giveBack);
    },
  };
}
