import { count, seconds } from '../format.ts';
import type { Event, StepOutcome } from '../pipeline/events.ts';
import type { StepId } from '../pipeline/steps.ts';
import { parseCollectorLine } from '../registry/collector-output.ts';
import { type Paint, type Palette, wrap } from '../screen.ts';
import type { Outlet } from './outlet.ts';
import type { View } from './view.ts';
import { progressText, titleOf, undoTitleOf } from './words.ts';

/** Progress is told this often at first, and more rarely in a long step; silence never lasts longer than a heartbeat. */
const progressMs = 5_000;
const heartbeatMs = 30_000;
/** So many lines of a program are shown per step; the others are counted. */
const outputLimit = 50;

const outcomes: Readonly<Record<StepOutcome, string>> = {
  ok: 'ok',
  skipped: 'skipped',
  failed: 'FAILED',
  interrupted: 'INTERRUPTED',
};

interface Live {
  readonly id: StepId;
  readonly since: number;
  progress: string;
  toldAt: number;
  outputs: number;
}

/** One line per thing that happens, each beginning with its step: for logs, pipes and simple terminals. */
export function openLines(outlet: Outlet, paint: Palette): View {
  let live: Live | undefined;
  let heartbeat: NodeJS.Timeout | undefined;
  let closed = false;

  function say(text: string, color: Paint = (plain) => plain): void {
    const lines = outlet.terminal ? wrap(text, outlet.columns, '  ') : [text];
    for (const line of lines) outlet.write(`${color(line)}\n`);
    if (live !== undefined) live.toldAt = performance.now();
    heartbeat?.refresh();
  }

  function beat({ id, since, progress }: Live): void {
    const figures = progress === '' ? '' : `: ${progress}`;
    say(`[${id}] still running after ${seconds((performance.now() - since) / 1000)}${figures}`, paint.dim);
  }

  function begin(id: StepId): void {
    finish();
    const step: Live = { id, since: performance.now(), progress: '', toldAt: performance.now(), outputs: 0 };
    live = step;
    heartbeat = setInterval(() => beat(step), heartbeatMs).unref();
    say(`[${id}] ${titleOf(id)}`, paint.bold);
  }

  function finish(): void {
    clearInterval(heartbeat);
    heartbeat = undefined;
    const step = live;
    live = undefined;
    const unseen = (step?.outputs ?? 0) - outputLimit;
    if (step !== undefined && unseen > 0) say(`[${step.id}] | and ${count(unseen)} more lines`, paint.dim);
  }

  function end(event: Extract<Event, { type: 'step-ended' }>): void {
    finish();
    const { id, outcome, note } = event;
    const span = outcome === 'ok' ? ` in ${seconds(event.seconds)}` : ` after ${seconds(event.seconds)}`;
    const because = note === undefined || note === '' ? '' : `: ${note}`;
    const color = outcome === 'ok' ? paint.green : outcome === 'skipped' ? paint.dim : paint.red;
    say(`[${id}] ${outcomes[outcome]}${outcome === 'skipped' ? '' : span}${because}`, color);
  }

  function advance(event: Extract<Event, { type: 'progress' }>): void {
    if (live === undefined) return;
    live.progress = progressText(event);
    const now = performance.now();
    const pause = Math.min(heartbeatMs, Math.max(progressMs, (now - live.since) / 10));
    if (now - live.toldAt >= pause) say(`[${event.id}] ${live.progress}`, paint.dim);
  }

  function undo({ id, outcome, reason }: Extract<Event, { type: 'undo' }>): void {
    // That it went well is told by the next line.
    if (outcome === 'started') say(`[restore] | ${undoTitleOf(id)}`);
    else if (outcome === 'failed')
      say(`[restore] | FAILED${reason === undefined ? '' : `: ${reason}`}`, paint.red);
  }

  return {
    emit(event) {
      if (closed) return;
      switch (event.type) {
        case 'step-started':
          return begin(event.id);
        case 'step-ended':
          return end(event);
        case 'progress':
          return advance(event);
        case 'output':
          if (isRoutine(event) || (live !== undefined && ++live.outputs > outputLimit)) return;
          return say(`[${event.id}] | ${event.line}`);
        case 'warning':
          return say(`warning: ${event.text}`, paint.yellow);
        case 'undo':
          return undo(event);
      }
    },
    async close() {
      if (!closed) finish();
      closed = true;
    },
  };
}

/** A line of the collector that tells of one manifest or blob: there are tens of thousands, and progress counts them. */
function isRoutine({ id, line }: Extract<Event, { type: 'output' }>): boolean {
  if (id !== 'rehearse' && id !== 'collect') return false;
  const { kind } = parseCollectorLine(line);
  return kind !== 'summary' && kind !== 'other';
}
