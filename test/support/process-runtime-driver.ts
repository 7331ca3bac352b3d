/*
 * A process to be killed: does what its argument says, prints each memo before its deed, then `ready`, and hangs.
 * `collect`: reads a first line of the collector's and nothing more, so that the collector waits, its pipe full.
 */
import { writeSync } from 'node:fs';
import { createProcessRuntime, type ProcessRuntimeOptions } from '../../src/runtime/process.ts';

const { options, what, runId } = JSON.parse(process.argv[2] ?? '') as {
  options: ProcessRuntimeOptions;
  what: 'fence' | 'collect';
  runId: string;
};
const say = (text: string) => writeSync(1, `${text}\n`);
const quiet = new AbortController().signal;

function hang(): never {
  say('ready');
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

const runtime = createProcessRuntime(options);
const state = await runtime.inspect(quiet);
if (state.refusals.length > 0) throw new Error(state.refusals.join('\n'));
if (what === 'fence') {
  const fence = runtime.fence(state, { standIn: true, runId });
  for (const deed of [fence.stop, fence.readonly]) {
    if (deed === undefined) continue;
    say(JSON.stringify(deed.memo));
    await deed.do(quiet);
  }
  hang();
} else {
  const collection = runtime.collect(state, { dryRun: true, deleteUntagged: false, runId, onLine: hang });
  say(JSON.stringify(collection.memo));
  await collection.do(quiet);
}
