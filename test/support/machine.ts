import { chmodSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LiveCommands, TestRegistry } from './registry.ts';

/**
 * A machine of its own, as far as processes go: the first one in a pid namespace starts the registry and then a program,
 * and is its end. From here its processes are seen, under other numbers; it sees none of ours.
 */
export interface Machine {
  /** What goes before the program that shall run there. */
  readonly under: readonly string[];
  /** Start and stop commands that do, on either machine, what they say to the registry that runs there. */
  readonly live: LiveCommands;
  /** What the commands were called with so far. */
  calls(): readonly string[];
}

export function machineOf(registry: TestRegistry, namespace: readonly string[]): Machine {
  const directory = mkdtempSync(join(registry.directory, 'machine-'));
  const calls = join(directory, 'calls');
  const script = join(directory, 'live');
  const start = `'${join(registry.directory, 'live')}' start`;
  writeFileSync(calls, '');
  // A pid file would hold another machine's numbers.
  const text = `#!/bin/sh
echo "$1" >>'${calls}'
case "$1" in
  start) ${start} ;;
  stop)
    for process in /proc/[0-9]*; do
      [ "$(tr '\\0' ' ' 2>/dev/null <"$process/cmdline")" = '${registry.binary} serve ${registry.configFile} ' ] || continue
      kill -TERM "\${process#/proc/}"
    done
    ;;
esac
`;
  writeFileSync(script, text);
  chmodSync(script, 0o755);
  const serves = `(exec 3<>/dev/tcp/127.0.0.1/${registry.port}) 2>/dev/null`;
  const first = `${start}; until ${serves}; do sleep 0.05; done; "$@" & wait $!`;
  return {
    under: [...namespace, 'bash', '-c', first, 'bash'],
    live: { start: [script, 'start'], stop: [script, 'stop'] },
    calls: () => readFileSync(calls, 'utf8').split('\n').slice(0, -1),
  };
}

/** The process of the program that was told to use this configuration, once it is stopped. */
export async function stoppedWith(config: string, run: PromiseLike<unknown>): Promise<number> {
  let ended: unknown;
  void run.then((value) => {
    ended = value;
  });
  for (;;) {
    const pid = programs(config).find((pid) => /^State:\s+T/m.test(inProc(pid, 'status')));
    if (pid !== undefined) return pid;
    if (ended !== undefined) throw new Error(`it ended before it was stopped: ${JSON.stringify(ended)}`);
    await sleep(10);
  }
}

/** The processes of our program that were told to use this configuration. */
export function programs(config: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const [node = '', ...args] = inProc(pid, 'cmdline').split('\0');
      return /\bnode$/.test(node) && args.includes(config);
    });
}

function inProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw thrown;
  }
}
