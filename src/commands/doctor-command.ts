import { loadConfig } from '../config/load.ts';
import type { ExitCode } from '../errors.ts';
import { createMasker, maskDeep } from '../mask.ts';
import { listenForSignals } from '../pipeline/signals.ts';
import { renderDoctor } from '../report/doctor.ts';
import { renderJson } from '../report/json.ts';
import { openView } from '../view/open-view.ts';
import { doctor } from './doctor.ts';
import type { Surroundings } from './main.ts';
import { pageFor } from './page-for.ts';
import type { CommonFlags } from './program.ts';

/** `doctor`: whatever the configuration is like in, a list of checks out. */
export async function doctorCommand(flags: CommonFlags, surroundings: Surroundings): Promise<ExitCode> {
  const { cwd, env, stdout, stderr } = surroundings;
  const json = flags.json === true;
  const stream = json ? stderr : stdout;
  let known = createMasker({ values: [], credentials: [] });
  const mask = (text: string): string => known(text);
  // Where nobody watches, the list is all there is to tell.
  const screen = openView({ mode: stream.isTTY === true ? 'auto' : 'silent', stream, env, mask });
  using interruption = listenForSignals();
  try {
    const document = await doctor({
      async load() {
        const loaded = await loadConfig({ cwd, env, configFile: flags.config });
        known = createMasker(loaded.secrets);
        return loaded;
      },
      emit: screen.emit,
      signal: interruption.signal,
      env,
    });
    await screen.close();
    stdout.write(
      json ? renderJson(maskDeep(document, mask)) : renderDoctor(document, { mask, ...pageFor(stdout, env) }),
    );
    return document.exitCode;
  } finally {
    await screen.close();
  }
}
