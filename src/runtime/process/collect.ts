import type { Deed } from '../../deed.ts';
import { type Environment, run, startLines } from '../../exec.ts';
import type { GcOptions, GcResult } from '../runtime.ts';
import { findProgram } from './binary.ts';
import { prepareChild } from './child-configuration.ts';
import { childrenIn, endChildren } from './children.ts';
import type { Ground } from './ground.ts';
import type { ChildMemo } from './memos.ts';
import { graceMs } from './restore.ts';
import { removeWorkplace, workplaceFor } from './workplace.ts';

/**
 * Runs `garbage-collect` and hands over what it says. Never with `--quiet`: success is told by the summary line, and
 * 2.8 exits with 0 on a flag that it does not know.
 *
 * It must not outlive us, since a live registry beside a running collector loses images. The kernel kills it when we
 * die, even by SIGKILL (`setpriv --pdeathsig`). Where there is no such setpriv, its next line of output meets a pipe
 * that nobody reads and SIGPIPE ends it; and recovery looks for it by the path of its configuration.
 */
export function collectDeed(ground: Ground, options: GcOptions & { readonly runId: string }): Deed<GcResult> {
  const directory = workplaceFor(options.runId, 'collect');
  const memo: ChildMemo = { kind: 'process-collect', runId: options.runId, directory };
  const end = () => endChildren(() => childrenIn(directory), graceMs);
  return {
    memo,
    async do(signal) {
      signal.throwIfAborted();
      const { config, ...where } = await prepareChild(ground, directory);
      const flags = [options.dryRun ? '--dry-run' : '', options.deleteUntagged ? '--delete-untagged' : ''];
      const collector = [
        ground.binary.path,
        'garbage-collect',
        ...flags.filter((flag) => flag !== ''),
        config,
      ];
      const [file = '', ...args] = [...(await dyingWithUs(ground.commandEnvironment)), ...collector];
      const child = await startLines(file, args, { ...where, onLine: options.onLine });
      let ending: Promise<void> | undefined;
      const abort = () => {
        ending = end();
        ending.catch(() => undefined);
      };
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) abort();
      try {
        const result = await child.ended;
        await ending;
        signal.throwIfAborted();
        return result;
      } finally {
        signal.removeEventListener('abort', abort);
      }
    },
    async undo() {
      await end();
      await removeWorkplace(directory);
    },
  };
}

let supported: Promise<readonly string[]> | undefined;

/** What goes before a command so that the kernel kills it when we die: nothing where util-linux has no such setpriv. */
export function dyingWithUs(env: Environment): Promise<readonly string[]> {
  supported ??= (async () => {
    const setpriv = await findProgram(['setpriv'], env.PATH);
    if (setpriv === undefined) return [];
    const prefix = ['--pdeathsig', 'KILL'];
    const { exitCode } = await run(setpriv, [...prefix, 'true'], { cwd: '/', env, timeoutMs: 5_000 });
    return exitCode === 0 ? [setpriv, ...prefix] : [];
  })();
  return supported;
}
