import { loadConfig } from '../config/load.ts';
import type { ExitCode } from '../errors.ts';
import { createMasker, maskDeep } from '../mask.ts';
import { listenForSignals } from '../pipeline/signals.ts';
import { renderCheck } from '../report/check.ts';
import { renderJson } from '../report/json.ts';
import { openView } from '../view/open-view.ts';
import { check } from './check.ts';
import type { Surroundings } from './main.ts';
import { pageFor } from './page-for.ts';
import type { CommonFlags } from './program.ts';

/** `check`: configuration in, findings out. */
export async function checkCommand(
  flags: CommonFlags & { readonly readData: boolean },
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { cwd, env, stdout, stderr } = surroundings;
  const json = flags.json === true;
  const loaded = await loadConfig({ cwd, env, configFile: flags.config });
  const mask = createMasker(loaded.secrets);
  const screen = openView({ mode: 'auto', stream: json ? stderr : stdout, env, mask });
  using interruption = listenForSignals();
  try {
    const document = await check({
      config: loaded.config,
      storageRootHint: loaded.storageRootHint,
      readData: flags.readData,
      emit: screen.emit,
      signal: interruption.signal,
      env,
    });
    await screen.close();
    stdout.write(
      json ? renderJson(maskDeep(document, mask)) : renderCheck(document, { mask, ...pageFor(stdout, env) }),
    );
    return document.exitCode;
  } finally {
    await screen.close();
  }
}
