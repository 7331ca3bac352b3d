import { tmpdir } from 'node:os';
import { run } from '../../src/commands/run.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { UserConfig } from '../../src/config/schema.ts';
import { createMasker, maskDeep } from '../../src/mask.ts';
import type { Event } from '../../src/pipeline/events.ts';
import { renderJson } from '../../src/report/json.ts';
import type { Report } from './program.ts';

export interface RunHereOptions {
  readonly command?: 'run' | 'plan';
  /** What the command line would say. */
  readonly flags?: UserConfig;
  /** What the program's environment has besides PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onEvent?: (event: Event) => void;
  readonly signal?: AbortSignal;
}

/** Runs the program in this process, which saves its start, and gives the document as `--json` would print it. */
export async function runHere(configFile: string, options: RunHereOptions = {}): Promise<Report> {
  const { command = 'run', flags = {}, onEvent = () => {}, signal = new AbortController().signal } = options;
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...options.env };
  const loaded = await loadConfig({ cwd: tmpdir(), env, flags, configFile });
  const document = await run({
    config: loaded.config,
    warnings: loaded.warnings,
    storageRootHint: loaded.storageRootHint,
    command,
    emit: onEvent,
    signal,
    env,
  });
  return JSON.parse(renderJson(maskDeep(document, createMasker(loaded.secrets)))) as Report;
}
