import { loadConfig } from '../config/load.ts';
import type { ExitCode } from '../errors.ts';
import { createMasker, maskDeep } from '../mask.ts';
import { listenForSignals } from '../pipeline/signals.ts';
import { renderJson } from '../report/json.ts';
import { renderRuns } from '../report/runs.ts';
import { renderRunShown } from '../report/runs-show.ts';
import type { Surroundings } from './main.ts';
import { pageFor } from './page-for.ts';
import type { CommonFlags } from './program.ts';
import { runs, showRun } from './runs.ts';

/** `runs`, and with `id` `runs show`: configuration in, what is on record out. */
export async function runsCommand(
  id: string | undefined,
  flags: CommonFlags,
  { cwd, env, stdout }: Surroundings,
): Promise<ExitCode> {
  const json = flags.json === true;
  const loaded = await loadConfig({ cwd, env, configFile: flags.config });
  const mask = createMasker(loaded.secrets);
  using interruption = listenForSignals();
  const options = { config: loaded.config, signal: interruption.signal, env };
  const page = { mask, ...pageFor(stdout, env) };
  if (id === undefined) {
    const document = await runs(options);
    stdout.write(json ? renderJson(maskDeep(document, mask)) : renderRuns(document, page));
    return document.exitCode;
  }
  const document = await showRun(id, options);
  stdout.write(json ? renderJson(maskDeep(document, mask)) : renderRunShown(document, page));
  return document.exitCode;
}
