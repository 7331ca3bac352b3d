import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ended } from '../../support/program.ts';
import type { Scene } from './scene.ts';

const driver = resolve(import.meta.dirname, '../../support/halt-driver.ts');

/** Makes the program stand still at a line of its log. */
export interface Halt {
  /** For the program on this machine, which must be given them. */
  readonly env: Readonly<Record<string, string>>;
  /** The same for the program in a container. */
  readonly inContainer: { readonly env: Readonly<Record<string, string>>; readonly flags: readonly string[] };
  /** Returns when it stands still. Throws if it comes to its end before. */
  reached(ended: Promise<Ended>): Promise<void>;
  /** Lets it go on. */
  goOn(): void;
}

/** `at`: what the line matches. */
export function haltAt(scene: Scene, at: string): Halt {
  const directory = mkdtempSync(join(scene.directory, 'halt-'));
  const env = (program: string, place: string) => ({
    NODE_OPTIONS: `--import=${program}`,
    HALT_AT: at,
    HALT_IN: place,
  });
  return {
    env: env(driver, directory),
    inContainer: {
      env: env('/halt/driver.ts', '/halted'),
      flags: ['-v', `${driver}:/halt/driver.ts:ro`, '-v', `${directory}:/halted`],
    },
    async reached(ended) {
      let over: Ended | undefined;
      ended.then(
        (how) => {
          over = how;
        },
        () => {},
      );
      while (!existsSync(join(directory, 'reached'))) {
        if (over !== undefined) throw new Error(`it ended before it came to ${at}: ${JSON.stringify(over)}`);
        await sleep(20);
      }
    },
    goOn: () => writeFileSync(join(directory, 'go'), ''),
  };
}

/** The line with which a step begins or ends. */
export function lineAt(edge: 'start' | 'end', step: string): string {
  const ended = '(ok|skipped|FAILED|INTERRUPTED)';
  return edge === 'end' ? `^\\[${step}\\] ${ended}` : `^\\[${step}\\] (?!${ended})`;
}
