import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A place in a shell script at which it waits until the test has done what it wants to do just then. */
export interface Gate extends Disposable {
  /** What the script runs there. */
  readonly script: string;
  /** Returns once the script stands there; rejects when `run` ends without it. */
  reached(run: PromiseLike<unknown>): Promise<void>;
  /** Lets it go on, now and from now on. Disposing does it, too. */
  open(): void;
}

export function gateIn(directory: string, name: string): Gate {
  const there = join(directory, `${name}.reached`);
  const opened = join(directory, `${name}.open`);
  const open = () => writeFileSync(opened, '');
  return {
    script: `: >'${there}'; while [ ! -e '${opened}' ]; do sleep 0.02; done`,
    async reached(run) {
      let ended: unknown;
      void run.then(
        (value) => {
          ended = value ?? true;
        },
        (thrown) => {
          ended = thrown;
        },
      );
      while (!existsSync(there)) {
        if (ended !== undefined) {
          throw new Error(`The run ended before it came to ${name}: ${JSON.stringify(ended)}`, {
            cause: ended,
          });
        }
        await sleep(5);
      }
    },
    open,
    [Symbol.dispose]: open,
  };
}
