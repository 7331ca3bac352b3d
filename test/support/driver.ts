/*
 * The program as a process of its own, that sends itself signals at chosen moments: its argument says which. Prints the
 * document. Exits with 70 when one of the moments never came.
 */
import { tmpdir } from 'node:os';
import { run } from '../../src/commands/run.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Event } from '../../src/pipeline/events.ts';
import { listenForSignals } from '../../src/pipeline/signals.ts';
import { renderJson } from '../../src/report/json.ts';
import type { DriverTask, Sent } from './drive.ts';

const { configFile, sends } = JSON.parse(process.argv[2] ?? '') as DriverTask;
/** A step that still runs so long after its begin is in its middle, ms. */
const middleAfter = 40;

const pending = [...sends];

function send(moment: Sent): void {
  if (pending[0] !== moment) return;
  pending.shift();
  process.kill(process.pid, moment.signal);
}

/** `middle`: the first sign of life, or some time after the start; where there is neither, the end. */
function emit(event: Event): void {
  const [next] = pending;
  if (next === undefined || !('id' in event)) return;
  const inside = next.step === 'restore' ? event.type === 'undo' : event.id === next.step;
  if (!inside && event.id !== next.step) return;
  if (event.type === 'step-started') {
    if (next.at === 'start') send(next);
    else if (next.at === 'soon') setImmediate(send, next);
    else setTimeout(send, middleAfter, next).unref();
  } else if (next.at === 'middle' && inside) {
    send(next);
  }
}

using interruption = listenForSignals();
const { config, warnings } = await loadConfig({ cwd: tmpdir(), env: process.env, flags: {}, configFile });
const document = await run({
  config,
  warnings,
  command: 'run',
  emit,
  signal: interruption.signal,
  env: process.env,
});
process.stdout.write(renderJson(document));
process.exitCode = pending.length === 0 ? document.exitCode : 70;
