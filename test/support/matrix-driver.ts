/*
 * The program as a process of its own, that is told over IPC to run or to recover, and what shall happen to it
 * meanwhile. One that is not killed takes the next task.
 */
import { flushCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import { recover } from '../../src/commands/recover.ts';
import { run } from '../../src/commands/run.ts';
import { loadConfig } from '../../src/config/load.ts';
import { listenForSignals } from '../../src/pipeline/signals.ts';
import { renderJson } from '../../src/report/json.ts';
import { disturb } from './matrix/disturb.ts';
import type { Reply, Task } from './matrix/drivers.ts';
import type { Report } from './program.ts';

process.on('message', (task: Task) => {
  void work(task).then((reply) => process.send?.(reply));
});
process.send?.('ready');

async function work(task: Task): Promise<Reply> {
  const { env } = process;
  using interruption = listenForSignals();
  const { signal } = interruption;
  const { config, warnings } = await loadConfig({
    cwd: tmpdir(),
    env,
    flags: {},
    configFile: task.configFile,
  });
  const common = { config, warnings, emit: () => {}, signal, env };
  if (task.verb === 'recover') return { recovered: JSON.parse(JSON.stringify(await recover(common))) };
  using watch = disturb(task.root, task.disturbance);
  let report: Report | undefined;
  let thrown: string | undefined;
  try {
    report = JSON.parse(renderJson(await run({ ...common, command: 'run' })));
  } catch (error) {
    thrown = String(error);
  }
  // Who is killed writes none of what was compiled. This one may be, next time.
  if (task.disturbance === undefined) flushCompileCache();
  const { metAt, courses } = watch;
  const afterwards = metAt === undefined ? undefined : (performance.now() - metAt) / 1000;
  return { report, thrown, afterwards, courses };
}
