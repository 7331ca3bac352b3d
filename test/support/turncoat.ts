import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestRegistry } from './registry.ts';
import { wrapBinary } from './wrapper.ts';

/** A registry whose stand-in serves read-only until it is told to turn, and takes pushes from then on. */
export function turning(registry: TestRegistry): { readonly binary: string; turn(): void } {
  const directory = mkdtempSync(join(registry.directory, 'turn-'));
  const [turn, pid, turned] = ['turn', 'pid', 'turned'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  const writable = `REGISTRY_STORAGE_MAINTENANCE='{"readonly":{"enabled":false}}'`;
  const script = `if [ "$1" = serve ]; then
  "$real" "$@" & echo $! >'${pid}'
  trap 'kill $(cat ${pid}); exit' TERM
  while [ ! -e '${turn}' ]; do sleep 0.02; done
  kill -KILL $(cat '${pid}'); wait
  env ${writable} "$real" "$@" & echo $! >'${pid}'
  : >'${turned}'
  while kill -0 $(cat '${pid}'); do sleep 0.02; done
  exit
fi`;
  return {
    binary: wrapBinary(registry, script),
    turn() {
      writeFileSync(turn, '');
      blockUntil(() => existsSync(turned));
      // Whoever asks too early is told that the stand-in has died.
      blockUntil(() => isServing(Number(readFileSync(pid, 'utf8')), registry.port));
    },
  };
}

/** Whether the process is there and somebody listens on the port. */
export function isServing(pid: number | undefined, port: number): boolean {
  if (pid === undefined || !existsSync(`/proc/${pid}/net/tcp`)) return false;
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const table = ['tcp', 'tcp6'].map((name) => readFileSync(`/proc/self/net/${name}`, 'utf8')).join('\n');
  return new RegExp(`:${hex} \\S+ 0A `).test(table);
}

/** Waits with the event loop standing still, so that the run does not go on meanwhile. */
export function blockUntil(is: () => boolean): void {
  for (const deadline = Date.now() + 15_000; !is(); ) {
    if (Date.now() > deadline) throw new Error('it did not come');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  }
}
