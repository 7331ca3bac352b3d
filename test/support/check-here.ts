import { tmpdir } from 'node:os';
import { check } from '../../src/commands/check.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Event } from '../../src/pipeline/events.ts';
import type { CheckDocument } from '../../src/report/check-document.ts';

/** The document that `check` prints, without the cost of a process. */
export async function checkHere(
  configFile: string,
  readData = false,
  onEvent: (event: Event) => void = () => {},
): Promise<CheckDocument> {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME };
  const { config } = await loadConfig({ cwd: tmpdir(), env, configFile });
  const { signal } = new AbortController();
  return check({ config, readData, emit: onEvent, signal, env });
}
