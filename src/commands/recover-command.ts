import { loadConfig } from '../config/load.ts';
import type { UserConfig } from '../config/schema.ts';
import type { ExitCode } from '../errors.ts';
import { createMasker, maskDeep } from '../mask.ts';
import { listenForSignals } from '../pipeline/signals.ts';
import { renderJson } from '../report/json.ts';
import { renderRecover } from '../report/recover.ts';
import { openView } from '../view/open-view.ts';
import type { Surroundings } from './main.ts';
import { pageFor } from './page-for.ts';
import type { CommonFlags } from './program.ts';
import { recover } from './recover.ts';

/** `recover`: configuration in, what was undone out. */
export async function recoverCommand(
  flags: CommonFlags,
  laidOver: UserConfig,
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { cwd, env, stdout, stderr } = surroundings;
  const json = flags.json === true;
  const loaded = await loadConfig({ cwd, env, flags: laidOver, configFile: flags.config });
  const mask = createMasker(loaded.secrets);
  const screen = openView({ mode: 'auto', stream: json ? stderr : stdout, env, mask });
  using interruption = listenForSignals(() => {
    screen.emit({ type: 'warning', text: 'still bringing the registry back: please wait' });
  });
  try {
    const document = await recover({
      config: loaded.config,
      warnings: loaded.warnings,
      emit: screen.emit,
      signal: interruption.signal,
      env,
    });
    await screen.close();
    stdout.write(
      json
        ? renderJson(maskDeep(document, mask))
        : renderRecover(document, { mask, ...pageFor(stdout, env) }),
    );
    return document.exitCode;
  } finally {
    await screen.close();
  }
}
